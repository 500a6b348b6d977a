import type { NextCommand } from '../../domain/next-command.js';

/**
 * Markdown as the Web UI shows it: it keeps the ends of lines, so that blocks need no empty lines inside, and gives tables neither
 * lines nor room. The UI sends the text in the address of a frame, which has to stay short.
 */
export function block(lines: readonly string[]): string {
  return lines.join('\n');
}

export function commandBlock(title: string, commands: readonly NextCommand[]): readonly string[] {
  return commands.length === 0
    ? []
    : [
        listBlock(
          title,
          commands.map(({ command, what }) => `\`${command}\`: ${what}`),
        ),
      ];
}

export function listBlock(title: string, items: readonly string[]): string {
  return block([title, ...items.map((item) => `- ${item}`)]);
}

/**
 * Text of a server or a person as it is: on one line, without a link, an image or an element. Code in backticks stays. An
 * address has a space where the Web UI would make a link of it, which no escape prevents.
 */
export function plainText(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll('://', ': //')
    .replaceAll(/\bwww\./gi, (start) => `${start.slice(0, -1)} .`)
    .replaceAll(/[\\<>[\]()|*&!]/g, (character) => `\\${character}`);
}

/** The blocks as one text, without empty ones; what is too long for the Web UI is cut at the end. */
export function page(blocks: readonly string[]): string {
  const text = blocks.filter((one) => one !== '').join('\n\n');
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)} …`;
}

const maxLength = 4000;
