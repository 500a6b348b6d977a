import type { NextCommand } from '../domain/deployment/cube-changes.js';
import { oneLine } from './one-line.js';

/** What a person may type now, a command and what it does on each two lines. */
export function nextLines(next: readonly NextCommand[]): readonly string[] {
  return next.flatMap(({ command, what }) => [`next: ${oneLine(command)}`, `      ${oneLine(what)}`]);
}
