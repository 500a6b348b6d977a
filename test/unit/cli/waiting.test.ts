import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FailureType, failureRule } from '../../../src/base/failures.js';
import { createControlClient } from '../../../src/cli/control-client.js';
import { registerMigrateCommands } from '../../../src/cli/migrate.js';
import type { Output } from '../../../src/cli/output.js';
import { startStubControlApi } from '../../support/stub-control-api.js';

let failure: FailureType = 'control_unreachable';
let looks = 0;
let stop: () => void;

/** A control API that answers a run as running, then with a failure, then as at rest. */
beforeEach(async () => {
  looks = 0;
  stop = await startStubControlApi(() => {
    looks++;
    if (looks === 2)
      return {
        status: failureRule(failure).httpStatus,
        body: { type: failure, detail: 'Something is away.', hint: '' },
      };
    return {
      status: 200,
      body: {
        id: 'one',
        status: looks < 3 ? 'running' : 'waiting',
        verification: {},
        progress: { eta_seconds: null, items: null },
      },
    };
  });
});
afterEach(() => stop());

async function watch(): Promise<{ readonly talked: string; readonly shown: string }> {
  let talked = '';
  let shown = '';
  const output: Output = {
    print: (text) => (shown += text),
    json: (value) => (shown += JSON.stringify(value)),
    copy: () => undefined,
    talk: (text) => (talked += `${text}\n`),
    line: (value) => (shown += JSON.stringify(value)),
  };
  const program = new Command().exitOverride();
  registerMigrateCommands(program, output, () => createControlClient(undefined));
  await program.parseAsync(['migrate', 'watch', 'one', '--json'], { from: 'user' });
  return { talked, shown };
}

test.each<FailureType>(['cube_unreachable', 'temporal_unreachable', 'database_overloaded', 'disk_full'])(
  'a command that follows a run bears with a failure that may pass: %s',
  async (type) => {
    failure = type;
    const { talked, shown } = await watch();
    expect(talked).toContain('Something is away. Trying again for 60 s.');
    expect(JSON.parse(shown)).toMatchObject({ status: 'waiting' });
  },
);

test('a failure that does not pass ends it at once', async () => {
  failure = 'forbidden';
  await watch();
  expect(looks).toBe(2);
  expect(process.exitCode).toBe(1);
});
