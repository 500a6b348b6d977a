import type { StackHome } from '../../state/home.js';
import { lastLines, programsLoggingSince } from '../../state/logs.js';
import { currentHome } from '../current-stack.js';
import type { Output } from '../output.js';

/** What the instances of a cube said last that wrote something since then: of a version that does not come up, why. */
export function printLogs(cube: string, since: number, output: Output): void {
  const home = currentHome();
  for (const program of programsLoggingSince(home.fileOf('logs'), since))
    if (program.startsWith(`${cube}-`)) printLastEnd(home, program, null, output);
}

/** How an instance ended, where that is known, and the last lines of its log. */
export function printLastEnd(home: StackHome, instanceId: string, lastEnd: string | null, output: Output): void {
  const file = home.logOf(instanceId);
  output.talk(`${instanceId}${lastEnd === null ? '' : ` ${lastEnd}`}; the last lines of its log ${file}:`);
  for (const line of lastLines(file)) output.talk(`  ${line}`);
}
