import type { NextCommand } from '../domain/next-command.js';
import { oneLine } from './one-line.js';

/** What a person may type now, a command a line, and what each does. */
export function possibleLines(commands: readonly NextCommand[]): readonly string[] {
  if (commands.length === 0) return [];
  const width = Math.max(...commands.map(({ command }) => command.length));
  return [
    'possible now:',
    ...commands.map(({ command, what }) => `    ${oneLine(command).padEnd(width)}  ${oneLine(what)}`),
  ];
}

/** What a person may type now, a command and what it does on each two lines. */
export function nextLines(next: readonly NextCommand[]): readonly string[] {
  return next.flatMap(({ command, what }) => [`next: ${oneLine(command)}`, `      ${oneLine(what)}`]);
}
