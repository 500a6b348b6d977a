import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createControlClient } from '../../../src/cli/control-client.js';
import { registerMigrateCommands } from '../../../src/cli/migrate.js';
import type { Output } from '../../../src/cli/output.js';
import { startStubControlApi } from '../../support/stub-control-api.js';

let calls = 0;
let stop: () => void;
beforeEach(async () => {
  calls = 0;
  stop = await startStubControlApi(() => {
    calls++;
    return { status: 500, body: {} };
  });
});
afterEach(() => {
  stop();
  process.exitCode = undefined;
});

test.each([
  [['--option', 'lane=4'], 'There is no option lane.', 'Did you mean lanes?'],
  [['--option', 'constructor=4'], 'There is no option constructor.', 'The options are batch_rows,'],
  [['--id', 'Bad Id!'], 'No migration can have the id "Bad Id!".', 'as in --id first'],
])('%j is refused with the word that was meant, and nothing is asked of the control API', async (words, what, hint) => {
  let said = '';
  const output: Output = {
    print: (text) => (said += text),
    json: () => undefined,
    copy: () => undefined,
    talk: (text) => (said += `${text}\n`),
    line: () => undefined,
  };
  const program = new Command().exitOverride();
  registerMigrateCommands(program, output, () => createControlClient(undefined));
  const written: string[] = [];
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  try {
    await program.parseAsync(['migrate', 'start', 'saju-records', ...words], { from: 'user' });
  } finally {
    process.stderr.write = write;
  }
  const all = said + written.join('');
  expect(all).toContain(what);
  expect(all).toContain(hint);
  expect(calls).toBe(0);
});
