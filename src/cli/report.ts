import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isSignedReport } from '../auth/report-signature.js';
import { Failure } from '../base/failures.js';
import { knownCubeSecrets } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { failureLines } from './failure-lines.js';
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
        if (knownCubeSecrets().some((secret) => isSignedReport(secret, report))) {
          output.print(`${file} is as it was signed: no number and no word in it was changed.`);
          return exitCodes.done;
        }
        const lines = failureLines({
          message: `${file} is not as it was signed: it was changed, or signed with a secret that is not known here.`,
          safe: 'The verification has only read; what is in the ledger is as it was.',
          hint: 'Compare it with what `cubeshift migrate report ID` prints; for one of another stack set CUBE_JWT_SECRET to the secret of that stack.',
        });
        for (const line of lines) output.talk(line);
        return exitCodes.failed;
      }),
    );
}

const howToMake = 'Name a file that `cubeshift migrate report ID > report.json` wrote.';

function parseFile(file: string): unknown {
  const report = parsed(file, readReport(file));
  if (typeof report !== 'object' || report === null || !('signature' in report))
    throw new Failure('invalid_input', `${file} is not an evidence report: it has no signature.`, { hint: howToMake });
  return report;
}

function readReport(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code }: { code?: unknown } = Object(error);
    const message = code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read (${String(code)}).`;
    throw new Failure('invalid_input', message, { hint: howToMake, cause: error });
  }
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure('invalid_input', `${file} is not JSON.`, { hint: howToMake, cause: error });
  }
}
