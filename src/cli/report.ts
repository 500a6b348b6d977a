import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isSignedReport } from '../auth/report-signature.js';
import { Failure } from '../base/failures.js';
import { knownCubeSecrets } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output } from './output.js';

export function registerReportCommand(program: Command, output: Output): void {
  program
    .command('report')
    .description('evidence reports')
    .command('verify <file>')
    .description('check that a report is as it was signed')
    .action((file: string) =>
      conclude(async () => {
        const report = parseFile(file);
        const right = knownCubeSecrets().some((secret) => isSignedReport(secret, report));
        output.print(
          right ? 'the report is as it was signed' : 'the report was changed, or signed with another secret',
        );
        return right ? exitCodes.done : exitCodes.failed;
      }),
    );
}

function parseFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Failure('invalid_input', `${file} cannot be read as JSON.`, {
      hint: 'Name a file that `cubeshift migrate report` wrote.',
    });
  }
}
