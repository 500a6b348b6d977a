// Reads as much of a Markdown file as two translations of one text must have in common.

/**
 * The sections of a text, by its headings; the first has what is before them all, and no heading. A block is a paragraph, a list
 * item, a row of a table or a block of code, with the line it begins on.
 */
export function sectionsOf(text) {
  const sections = [{ line: 1, level: 0, heading: '', original: undefined, blocks: [] }];
  let [code, open] = [undefined, undefined];
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    const { blocks } = sections.at(-1);
    if (code !== undefined) {
      if (content.startsWith('```')) code = undefined;
      else code.lines.push(content);
    } else if (content.startsWith('```')) {
      code = { kind: 'block of code', line, language: content.slice(3).trim(), lines: [] };
      open = undefined;
      blocks.push(code);
    } else if (/^#+ /.test(content)) {
      open = undefined;
      sections.push({ line, ...headingOf(content), blocks: [] });
    } else if (content.startsWith('|')) {
      open = undefined;
      if (!/^[| :-]+$/.test(content)) blocks.push({ kind: 'row of a table', line, cells: cellsOf(content) });
    } else if (withoutComments(content).trim() === '') {
      open = undefined;
    } else if (open === undefined || /^ *(-|\d+\.) /.test(content)) {
      open = { kind: /^ *(-|\d+\.) /.test(content) ? 'list item' : 'paragraph', line, text: content };
      blocks.push(open);
    } else {
      open.text += `\n${content}`;
    }
  }
  return sections;
}

/** What no translation changes: words in backticks, targets of links, numbers in digits. */
export function fixedParts(text) {
  const visible = withoutComments(text);
  const codes = [...visible.matchAll(/`([^`]+)`/g)].map(([, code]) => code.replaceAll('\n', ' '));
  const prose = visible.replaceAll(/`[^`]+`/g, ' ');
  const links = [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target);
  const words = prose.replaceAll(/\]\([^()\s]+\)/g, '] ');
  const numbers = [...words.matchAll(/\d+(?:[.,]\d+)*/g)].map(([number]) => number.replaceAll(',', ''));
  return { codes: new Set(codes), links: new Set(links), numbers: new Set(numbers), words };
}

/** The part of a heading's address behind the `#`, as GitHub makes it. */
export function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
    .replaceAll(' ', '-');
}

/** A translated heading carries the one that it translates in a comment, which no reader sees. */
function headingOf(content) {
  const level = content.indexOf(' ');
  const original = /<!-- (.+) -->$/.exec(content)?.[1];
  return { level, heading: withoutComments(content).slice(level).trim(), original };
}

function cellsOf(content) {
  return content.split('|').slice(1, -1);
}

function withoutComments(text) {
  return text.replaceAll(/<!--[^>]*-->/g, '');
}
