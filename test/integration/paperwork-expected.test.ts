import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Expected, expectedPaperwork } from '../../legacy/paperwork/expected.js';
import { readFilesWithoutRows } from '../../src/postgres/paperwork/files-without-rows.js';
import { PaperworkRun } from '../support/paperwork-run.js';
import { nothingLeft, PaperworkStack, sha256Of } from '../support/paperwork-stack.js';
import { PaperworkTree } from '../support/paperwork-tree.js';

/** Everything that the stand-in of legacy has, against the list of what must come of it. */
const limit = 240_000;
const expected: Expected = expectedPaperwork();
let tree: PaperworkTree;
let stack: PaperworkStack;
let run: PaperworkRun;
beforeAll(async () => {
  tree = await PaperworkTree.create({ files: 600, seed: 19, special: 'all' });
  stack = await PaperworkStack.ofTree(tree);
  run = await PaperworkRun.start('paper', stack.deps);
  await run.copy();
}, limit);
afterAll(async () => {
  await stack?.drop();
  tree?.remove();
}, limit);

/** What came of the special rows, by their names. */
async function outcomes(table: string, special: ReadonlyMap<string, number>) {
  const rejects = await stack.databases.cube.query<{ id: string; reason: string }>(
    'select source_id as id, reason from ledger.rejects where table_name = $1',
    [table],
  );
  const reasons = new Map(rejects.rows.map(({ id, reason }) => [Number(id), reason]));
  return new Map([...special].map(([name, id]) => [name, reasons.get(id) ?? 'moved']));
}

/** As root, without a constraint, and with nothing that writes meanwhile. */
function foretold(name: string): string {
  const file = expected.files[name];
  if (file === undefined) return 'not in the list';
  const { needs } = file;
  const isMet = needs === undefined || (needs.layOut === 'root' && process.getuid?.() === 0);
  return isMet || needs === undefined ? file.outcome : needs.otherwise;
}

test('each special row moves, or is rejected for the reason that the list names', async () => {
  const files = await outcomes('paperwork_files', tree.paperwork.specialFiles);
  expect(Object.fromEntries(files)).toEqual(
    Object.fromEntries([...tree.paperwork.specialFiles.keys()].map((name) => [name, foretold(name)])),
  );
  const results = await outcomes('paperwork_results', tree.paperwork.specialResults);
  expect(Object.fromEntries(results)).toEqual(
    Object.fromEntries(
      [...tree.paperwork.specialResults.keys()].map((name) => [name, expected.results[name]?.outcome]),
    ),
  );
});

test('each that moved has the content and the warning of the list, and the verification is clean', async () => {
  expect(await run.verify()).toEqual([]);
  const { rows } = await stack.databases.cube.query<{ id: string; sha256: string }>(
    'select id, sha256 from paperwork.files',
  );
  const sums = new Map(rows.map(({ id, sha256 }) => [Number(id), sha256]));
  for (const [name, id] of tree.paperwork.specialFiles) {
    if (foretold(name) === 'moved') expect([name, sums.get(id)]).toEqual([name, expected.files[name]?.sha256]);
  }
  const warned = await stack.databases.cube.query('select sum(warned)::int as warned from ledger.batches');
  const lies = [...tree.paperwork.specialFiles.keys()].filter((name) => expected.files[name]?.warning === true);
  expect(warned.rows).toEqual([{ warned: lies.length }]);
});

test('the files that no row names are listed, and no others', async () => {
  const { items } = await readFilesWithoutRows(stack.databases.cube, 'paper', null, 1000);
  const listed = items.map(({ path_base64: path, size }) => `${sumOf(join(tree.files, '/'), path)} ${size}`);
  const named = Object.entries(expected.files).flatMap(([name, { outcome, sha256, size }]) =>
    // A link that a row names leads to this one.
    outcome === 'none' && name !== 'no-row-cp949' ? [`${sha256} ${size}`] : [],
  );
  // Its row is rejected for its path, which leads upward.
  const ofInvalidPath = readFileSync(join(tree.files, '오류/있음.txt'));
  expect(listed.sort()).toEqual([...named, `${sha256Of(ofInvalidPath)} ${ofInvalidPath.length}`].sort());
});

function sumOf(folder: string, path: string): string {
  return sha256Of(readFileSync(Buffer.concat([Buffer.from(folder), Buffer.from(path, 'base64')])));
}

test('a rollback leaves nothing', { timeout: limit }, async () => {
  await run.rollBack();
  expect(await stack.left()).toEqual(nothingLeft);
});
