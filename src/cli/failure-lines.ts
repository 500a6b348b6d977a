import type { Failure } from '../base/failures.js';

/** What a person reads of any failure, of the control API or of the command line: what happened, what is safe, what to type. */
export function failureLines({ message, safe, hint }: Pick<Failure, 'message' | 'safe' | 'hint'>): readonly string[] {
  return [message, safe, hint];
}

/**
 * What commander says of a wrong command line, in the same form. `words` name the command that refused it.
 */
export function usageLines(text: string, words: readonly string[]): readonly string[] {
  const [said = '', near] = text
    .replace(/^error: /, '')
    .trim()
    .split(didYouMean, 2);
  const sentence = said.trimEnd();
  const help = `\`${['cubeshift', ...words, '--help'].join(' ')}\` shows an example.`;
  return failureLines({
    message: `${sentence.charAt(0).toUpperCase()}${sentence.slice(1).replace(/\.?$/, '.')}`,
    safe: 'Nothing was done.',
    hint: near === undefined ? help : `Did you mean ${near.replace(/\?\)$/, '')}? ${help}`,
  });
}

/** How commander names the near word. */
const didYouMean = '(Did you mean ';
