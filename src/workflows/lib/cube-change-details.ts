import type { RecordedStep } from '../../domain/deployment/recorded-step.js';
import type { NextCommand } from '../../domain/next-command.js';
import { commandBlock, listBlock, page, plainText } from './markdown.js';

interface CubeChangeShown {
  readonly status: string;
  readonly sentence: string;
  /** What was done up to now. */
  readonly steps: readonly RecordedStep[];
  /** What a person must type; empty while the change waits for no person. */
  readonly next: readonly NextCommand[];
  /** What shows the change on a command line. */
  readonly look: string;
}

/** A change of a cube as an operator reads it in Temporal, in Markdown: where it is, what was done, what to type. */
export function cubeChangeDetails({ status, sentence, steps, next, look }: CubeChangeShown): string {
  const done = steps
    .slice(-shownSteps)
    .map(({ step, at, sentence: what }) => `${timeOf(at)} \`${step}\`: ${plainText(what)}`);
  return page([
    `**${status}**: ${plainText(sentence)}`,
    ...commandBlock('What to type now:', next),
    ...(done.length === 0 ? [] : [listBlock('What was done (UTC):', done)]),
    `As it is now: \`${look}\``,
  ]);
}

const shownSteps = 20;

function timeOf(at: string): string {
  return at.slice(11, 19);
}
