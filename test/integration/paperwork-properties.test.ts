import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PaperworkRun } from '../support/paperwork-run.js';
import { nothingLeft, PaperworkStack } from '../support/paperwork-stack.js';

const limit = 240_000;
let tree: PaperworkStack;
let runs = 0;
beforeAll(async () => {
  tree = await PaperworkStack.create();
}, limit);
afterAll(() => tree.drop(), limit);

/** Names that a file system takes, of every script, without those that mean a folder. */
const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .map((text) => Buffer.from(text).toString().replaceAll(/[/\0]/g, '_'))
  .filter((text) => text !== '.' && text !== '..');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const content = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 0, max: 600_000 }).map((size) => Buffer.alloc(size, size % 251)),
);

/** Of several paths those that can be files at the same time: none is a folder of another. */
function apart(paths: readonly string[]): string[] {
  const unique = [...new Set(paths)];
  return unique.filter((one) => !unique.some((other) => other.startsWith(`${one}/`)));
}

async function empty(): Promise<void> {
  await tree.databases.legacy.query('delete from paperwork_results; delete from paperwork_files');
  rmSync(tree.folder, { recursive: true });
  mkdirSync(tree.folder);
  // An empty folder is one that is not mounted.
  writeFileSync(join(tree.folder, 'kept'), '');
}

/** Runs `work` with a run that is rolled back afterwards, and of which nothing is left then. */
async function withRun(work: (run: PaperworkRun) => Promise<void>): Promise<void> {
  const run = await PaperworkRun.start(`run-${++runs}`, tree.deps);
  try {
    await work(run);
  } finally {
    await run.rollBack();
  }
  expect(await tree.left()).toEqual(nothingLeft);
}

async function expectEqual(): Promise<void> {
  const moved = await tree.moved();
  const rows = await tree.databases.legacy.query<{ path: string }>('select path from paperwork_files order by id');
  expect([...moved.keys()]).toEqual(rows.rows.map((row) => row.path));
  for (const [at, bytes] of moved) expect(bytes?.equals(readFileSync(join(tree.folder, at)))).toBe(true);
}

test('a random tree arrives byte for byte, and a rollback leaves nothing', { timeout: limit }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(path, content), { maxLength: 30 }), async (files) => {
      await empty();
      const contents = new Map(files.map(([at, bytes]) => [at, Buffer.from(bytes)]));
      for (const [place, at] of apart([...contents.keys()]).entries())
        await tree.addFile(place + 1, at, contents.get(at) ?? '');
      await withRun(async (run) => {
        await run.copy();
        expect(await run.rejects()).toEqual([]);
        await expectEqual();
        expect(await run.verify()).toEqual([]);
      });
    }),
    { numRuns: 12 },
  );
});

type Change = 'add' | 'overwrite' | 'replace' | 'rename' | 'exchange' | 'edit row' | 'delete' | 'pass' | 'verify';
const changes: readonly Change[] = [
  'add',
  'overwrite',
  'replace',
  'rename',
  'exchange',
  'edit row',
  'delete',
  'pass',
  'verify',
];

test('whatever is written and deleted between passes, a last pass makes both sides equal', {
  timeout: limit,
}, async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...changes), fc.nat(1000), content), { minLength: 5, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(steps, async (chosen) => {
      await empty();
      const { legacy } = tree.databases;
      const files = new Map<number, string>();
      let next = 1;
      const add = async (bytes: Uint8Array) => {
        const at = `folder/${next % 3}/file ${next}`;
        files.set(next, at);
        await tree.addFile(next, at, Buffer.from(bytes));
        await tree.addResult(next, next);
        next++;
      };
      for (let id = 1; id <= 5; id++) await add(Buffer.from(`content ${id}`));
      await withRun(async (run) => {
        await run.copy();
        for (const [change, pick, bytes] of chosen) {
          const ids = [...files.keys()];
          const id = ids[pick % Math.max(1, ids.length)];
          const at = id === undefined ? undefined : files.get(id);
          if (change === 'pass') await run.pass();
          else if (change === 'verify') await run.verify();
          else if (change === 'add' || id === undefined || at === undefined) await add(bytes);
          else await apply(change, id, at, Buffer.from(bytes), ids[(pick + 1) % ids.length] ?? id);
        }
        await run.pass();
        expect(await run.rejects()).toEqual([]);
        expect(await run.verify()).toEqual([]);
        await expectEqual();
      });

      async function apply(change: Change, id: number, at: string, bytes: Buffer, other: number): Promise<void> {
        const file = join(tree.folder, at);
        switch (change) {
          case 'overwrite':
            writeFileSync(file, bytes);
            await legacy.query('update paperwork_files set size = $2 where id = $1', [id, bytes.length]);
            return;
          case 'replace':
            writeFileSync(`${file}.new`, bytes);
            renameSync(`${file}.new`, file);
            await legacy.query('update paperwork_files set size = null where id = $1', [id]);
            return;
          case 'rename': {
            const to = `renamed/${next++}`;
            mkdirSync(dirname(join(tree.folder, to)), { recursive: true });
            renameSync(file, join(tree.folder, to));
            files.set(id, to);
            await legacy.query('update paperwork_files set path = $2 where id = $1', [id, to]);
            return;
          }
          case 'exchange': {
            const there = files.get(other) ?? at;
            if (other === id) return;
            await legacy.query(`update paperwork_files set path = 'between', size = null where id = $1`, [id]);
            await legacy.query('update paperwork_files set path = $2, size = null where id = $1', [other, at]);
            await legacy.query('update paperwork_files set path = $2 where id = $1', [id, there]);
            files.set(id, there);
            files.set(other, at);
            return;
          }
          case 'edit row':
            await legacy.query(`update paperwork_files set metadata = to_jsonb($2::text) where id = $1`, [
              id,
              String(next),
            ]);
            await legacy.query(`update paperwork_results set kind = $2 where file_id = $1`, [id, `kind ${next}`]);
            return;
          default:
            await legacy.query('delete from paperwork_results where file_id = $1', [id]);
            await legacy.query('delete from paperwork_files where id = $1', [id]);
            rmSync(file);
            files.delete(id);
        }
      }
    }),
    { numRuns: 10 },
  );
});
