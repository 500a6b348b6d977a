import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createControlClient } from '../../../src/cli/control-client.js';
import { registerMigrateCommands } from '../../../src/cli/migrate.js';
import type { Output } from '../../../src/cli/output.js';
import { startStubControlApi } from '../../support/stub-control-api.js';

interface Listed {
  readonly path_base64: string;
  readonly size: number;
}

let pages: { items: readonly Listed[]; next_cursor: string | null }[];
let stop: () => void;

beforeEach(async () => {
  stop = await startStubControlApi(() => ({ status: 200, body: pages.shift() ?? {} }));
});
afterEach(() => stop());

async function list(...options: string[]): Promise<{ readonly talked: string; readonly shown: string }> {
  let talked = '';
  let shown = '';
  const output: Output = {
    print: (text) => (shown += text),
    json: (value) => (shown += JSON.stringify(value)),
    copy: () => undefined,
    talk: (text) => (talked += `${text}\n`),
    line: () => undefined,
  };
  const program = new Command().exitOverride();
  registerMigrateCommands(program, output, () => createControlClient(undefined));
  await program.parseAsync(['migrate', 'files-without-rows', 'paper', ...options], { from: 'user' });
  return { talked, shown };
}

const listed = (path: string | Buffer, size: number): Listed => ({
  path_base64: Buffer.from(path as string).toString('base64'),
  size,
});

test('names are shown as text, and those that are none or could pass for others so that they cannot', async () => {
  const cp949 = Buffer.from('c7d1b1db', 'hex');
  pages = [
    { items: [listed('계약/서류.pdf', 7), listed('a\u001b[2Jb\u202Ec', 8), listed(cp949, 9)], next_cursor: null },
  ];
  const { shown, talked } = await list();
  expect(shown).toContain('계약/서류.pdf');
  expect(shown).toContain(String.raw`"a\u001b[2Jb`);
  expect(shown).not.toContain('\u001b');
  expect(shown).not.toContain('\u202E');
  expect(shown).toContain('base64:x9Gx2w==');
  expect(talked).toBe('');
});

test('as JSON it gives every page', async () => {
  const [one, other] = [listed('one', 1), listed('other', 2)];
  pages = [
    { items: [one], next_cursor: '1' },
    { items: [other], next_cursor: null },
  ];
  expect(JSON.parse((await list('--json')).shown)).toEqual([one, other]);
});

test('it says when there are more, and when there is none', async () => {
  pages = [{ items: [listed('one', 1)], next_cursor: '1' }];
  expect((await list('--limit', '1')).talked).toContain('There are more');
  pages = [{ items: [], next_cursor: null }];
  expect((await list()).talked).toContain('no file without a row');
});
