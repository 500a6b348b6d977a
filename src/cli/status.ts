import type { Command } from 'commander';
import type { Connect } from './control-client.js';
import { currentHome } from './current-stack.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { conclude, type Output } from './output.js';
import { findProblems } from './status/problems.js';
import { statusScreen } from './status/screen.js';
import { readStackState } from './status/stack-state.js';
import { readSystemStatus } from './status/system-status.js';

/** `cubeshift status`: the whole system on one screen. */
export function registerStatusCommand(program: Command, output: Output, connect: Connect): void {
  program
    .command('status')
    .description('show everything on one screen: what is wrong, servers, cubes, users, and every run')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      conclude(async (): Promise<ExitCode> => {
        const status = await readSystemStatus(connect, readStackState(currentHome()));
        const problems = findProblems(status);
        if (options.json) output.json({ problems, ...status });
        else output.print(statusScreen(status, problems));
        if (status.control === null) return exitCodes.unreachable;
        return problems.length === 0 ? exitCodes.done : exitCodes.failed;
      }),
    );
}
