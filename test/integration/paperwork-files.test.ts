import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CrashPoint } from '../../src/base/crash-points.js';
import type { Assets } from '../../src/kinds/assets.js';
import { readFilesWithoutRows } from '../../src/postgres/paperwork/files-without-rows.js';
import { PaperworkRun } from '../support/paperwork-run.js';
import { nothingLeft, PaperworkStack } from '../support/paperwork-stack.js';
import { mayMount, SmallDisk } from '../support/small-disk.js';

const limit = 60_000;
let tree: PaperworkStack;
let run: PaperworkRun;
beforeEach(async () => {
  tree = await PaperworkStack.create();
  run = await PaperworkRun.start('paper', tree.deps);
}, limit);
afterEach(() => tree.drop(), limit);

/** The assets of the tree, with a store that says when it has received a content, and nothing was looked at since. */
function receiving(onReceived: () => void): Assets {
  const { assets } = tree.deps;
  if (assets === undefined) throw new Error('a tree has assets');
  const store = assets.store();
  return {
    ...assets,
    store: () => ({
      ...store,
      stageMany: (owner, receive) =>
        store.stageMany(owner, (stage) =>
          receive(async (content) => {
            const staged = await stage(content);
            onReceived();
            return staged;
          }),
        ),
    }),
  };
}

test('one good file moves with its row and results, is verified, and leaves by a rollback', async () => {
  await tree.addFile(1, '계약/2020년 "서류".txt', 'some content');
  await tree.addResult(1, 1, { text: 'some', made_by: 'cube' });
  await tree.addResult(2, 1, ['made_by']);
  expect(await run.copy()).toEqual({ migrated: 3, rejected: 0 });
  expect(await tree.moved()).toEqual(new Map([['계약/2020년 "서류".txt', Buffer.from('some content')]]));
  const { cube, legacy } = tree.databases;
  const row = 'id, path, size, mime_type, metadata::text, created_at::text';
  expect((await cube.query(`select ${row} from paperwork.files`)).rows).toEqual(
    (await legacy.query(`select ${row} from paperwork_files`)).rows,
  );
  const results = await cube.query('select id, made_by from paperwork.results order by id');
  expect(results.rows).toEqual([
    { id: '1', made_by: 'cube' },
    { id: '2', made_by: null },
  ]);
  expect(await run.verify()).toEqual([]);
  await run.rollBack();
  expect(await tree.left()).toEqual(nothingLeft);
});

test('each reason is shown, and the others move', { timeout: limit }, async () => {
  const outside = join(tree.folder, '..', 'outside.txt');
  writeFileSync(outside, 'outside');
  const paths: readonly (readonly [string, string])[] = [
    ['', 'path_invalid'],
    ['/etc/passwd', 'path_invalid'],
    ['a/../b', 'path_invalid'],
    [`a/${'가'.repeat(86)}`, 'path_invalid'],
    ['link-outside', 'path_outside'],
    ['folder-outside/outside.txt', 'path_outside'],
    ['nothing', 'file_missing'],
    ['loop', 'file_missing'],
    ['folder', 'not_a_file'],
    ['fifo', 'not_a_file'],
    ['socket', 'not_a_file'],
  ];
  symlinkSync(outside, join(tree.folder, 'link-outside'));
  symlinkSync(join(tree.folder, '..'), join(tree.folder, 'folder-outside'));
  symlinkSync('loop', join(tree.folder, 'loop'));
  mkdirSync(join(tree.folder, 'folder'));
  execFileSync('mkfifo', [join(tree.folder, 'fifo')]);
  const server = createServer().listen(join(tree.folder, 'socket'));
  for (const [place, [path]] of paths.entries()) await tree.addRow(place + 1, path);
  tree.write('larger', '12345');
  await tree.addRow(100, 'larger', { size: 4 });
  await tree.addFile(101, 'late', 'late');
  await tree.databases.legacy.query("update paperwork_files set created_at = 'infinity' where id = 101");
  await tree.addFile(102, 'good', 'good');
  tree.write('without size', 'good too');
  await tree.addRow(103, 'without size');
  await tree.addResult(1, null);
  await tree.addResult(2, 102);
  await tree.addResult(3, 100);
  expect(await run.copy()).toEqual({ migrated: 3, rejected: paths.length + 4 });
  server.close();
  expect(new Set(await run.rejects())).toEqual(
    new Set([
      ...paths.map(([, reason], place) => `paperwork_files ${place + 1} ${reason}`),
      'paperwork_files 100 size_differs',
      'paperwork_files 101 timestamp_invalid',
      'paperwork_results 1 file_unknown',
    ]),
  );
  expect(await run.verify()).toEqual([]);
  expect([...(await tree.moved()).keys()]).toEqual(['good', 'without size']);
  // Nothing of a file that is rejected is kept.
  expect(tree.stored().size).toBe(2);
  // Corrected in legacy, a reject moves, and what followed it.
  await tree.databases.legacy.query('update paperwork_files set size = 5 where id = 100');
  await run.retry();
  expect([...(await tree.moved()).keys()]).toEqual(['larger', 'good', 'without size']);
  expect(await run.verify()).toEqual([]);
  await run.rollBack();
  expect(await tree.left()).toEqual(nothingLeft);
});

test('a file that is written to all the time is rejected, and moves once it is not', { timeout: limit }, async () => {
  await tree.addRow(1, 'growing');
  const file = join(tree.folder, 'growing');
  writeFileSync(file, Buffer.alloc(64 * 1024));
  // Whenever its content has been received: a writer with a clock of its own may miss a reading of a small file.
  const growing = run.with({ assets: receiving(() => writeFileSync(file, 'more', { flag: 'a' })) });
  expect(await growing.copy()).toEqual({ migrated: 0, rejected: 1 });
  expect(await run.rejects()).toEqual(['paperwork_files 1 changes_while_read']);
  expect(tree.stored().size).toBe(0);
  await run.retry();
  expect((await tree.moved()).get('growing')).toEqual(readFileSync(file));
});

test('a file that is replaced while it is read, with the same size and time, is read again', async () => {
  await tree.addRow(1, 'replaced');
  const file = join(tree.folder, 'replaced');
  const time = new Date('2020-01-01');
  const replace = (content: string) => {
    writeFileSync(`${file}.new`, content);
    utimesSync(`${file}.new`, time, time);
    renameSync(`${file}.new`, file);
  };
  replace('old');
  let times = 0;
  const replacing = receiving(() => {
    if (times++ === 0) replace('new');
  });
  await run.with({ assets: replacing }).copy();
  expect(await tree.moved()).toEqual(new Map([['replaced', Buffer.from('new')]]));
  expect(tree.stored().size).toBe(1);
});

test('names that differ in their form alone, links and hard links are files of their own; equal contents lie in the store once', {
  timeout: limit,
}, async () => {
  const names = ['\uAC00.txt', '\u1100\u1161.txt', ' space ', 'new\nline', 'quote\'"\\', 'x'.repeat(255), 'a\u0001b'];
  for (const [place, name] of names.entries()) await tree.addFile(place + 1, name, `content ${place}`);
  await tree.addFile(20, 'deep/'.repeat(60).concat('file'), 'content 1');
  await tree.addFile(21, 'empty', '');
  symlinkSync('empty', join(tree.folder, 'link'));
  linkSync(join(tree.folder, 'empty'), join(tree.folder, 'hard'));
  symlinkSync('deep/deep', join(tree.folder, 'folder link'));
  await tree.addRow(22, 'link', { size: 0 });
  await tree.addRow(23, 'hard', { size: 0 });
  await tree.addRow(24, `folder link/${'deep/'.repeat(58)}file`);
  await tree.addRow(25, `./deep//${'deep/'.repeat(59)}file`);
  await run.copy();
  expect(await run.rejects()).toEqual([]);
  const moved = await tree.moved();
  expect(moved.size).toBe(names.length + 6);
  for (const [path, content] of moved) expect(content).toEqual(readFileSync(join(tree.folder, path)));
  // Seven contents and the empty one.
  expect(tree.stored().size).toBe(names.length + 1);
  expect(await run.verify()).toEqual([]);
  await run.rollBack();
  expect(await tree.left()).toEqual(nothingLeft);
});

test('a mime type that contradicts the content is a warning', async () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  await tree.addFile(1, 'is-a-png.pdf', png, 'application/pdf');
  await tree.addFile(2, 'is-text.pdf', 'text', 'application/pdf');
  await tree.addFile(3, 'right.png', png, 'image/png; charset=binary');
  await tree.addFile(4, 'unspecific', png, 'application/octet-stream');
  await tree.addFile(5, 'none', png, null);
  await tree.addFile(6, 'text.txt', 'text', 'text/plain');
  await run.copy();
  const counted = await tree.databases.cube.query('select sum(warned)::int as warned from ledger.batches');
  expect(counted.rows).toEqual([{ warned: 2 }]);
  expect(await run.verify()).toEqual([]);
});

describe('damage', () => {
  const shared = 'the same content';
  beforeEach(async () => {
    for (const id of [1, 2, 3]) await tree.addFile(id, `shared ${id}`, shared);
    await tree.addFile(4, 'other', 'another content');
    await tree.addFile(5, 'third', 'third content');
    await tree.addResult(1, 4);
    await run.copy();
    expect(await run.verify()).toEqual([]);
  });

  const cases: readonly (readonly [string, () => void, readonly string[]])[] = [
    ['a flipped bit', () => writeFileSync(tree.blobFile(shared), 'The same content'), ['1', '2', '3']],
    ['a truncated blob', () => truncateSync(tree.blobFile(shared), 5), ['1', '2', '3']],
    ['a missing blob', () => rmSync(tree.blobFile(shared)), ['1', '2', '3']],
    [
      'two blobs that were swapped',
      () => {
        const [one, other] = [tree.blobFile('another content'), tree.blobFile('third content')];
        renameSync(one, `${one}x`);
        renameSync(other, one);
        renameSync(`${one}x`, other);
      },
      ['4', '5'],
    ],
  ];
  test.each(cases)('on disk is found and repaired: %s', async (_, damage, ids) => {
    damage();
    expect(await run.verify()).toEqual(ids.map((id) => `paperwork_files ${id} content`));
    await run.repair();
    expect(await run.verify()).toEqual([]);
    const moved = await tree.moved();
    for (const [path, content] of moved) expect(content).toEqual(readFileSync(join(tree.folder, path)));
    await run.rollBack();
    expect(await tree.left()).toEqual(nothingLeft);
  });

  const rowDamages: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a row that is gone',
      'delete from paperwork.files where id = 4',
      ['paperwork_files 4 missing row', 'paperwork_results 1 file'],
    ],
    ['a changed path', "update paperwork.files set path = 'else' where id = 1", ['paperwork_files 1 path']],
    ['a content that is not on record', 'delete from storage.blobs where size = 13', ['paperwork_files 5 content']],
    ['a result of another file', 'update paperwork.results set file_id = 5', ['paperwork_results 1 file_id']],
    ['a result that is gone', 'delete from paperwork.results', ['paperwork_results 1 missing row']],
    [
      'a row that refers to another content',
      `update paperwork.files set sha256 = (select sha256 from paperwork.files where id = 1) where id = 5`,
      ['paperwork_files 5 content'],
    ],
  ];
  test.each(rowDamages)('in rows is found and repaired: %s', async (_, statement, expected) => {
    await tree.databases.cube.query(statement);
    const found = await run.verify();
    expect(found.filter((line) => !line.startsWith('The rows'))).toEqual(expected);
    await run.repair();
    expect(await run.verify()).toEqual([]);
    await run.rollBack();
    expect(await tree.left()).toEqual(nothingLeft);
  });
});

test('what others refer to, or stored, stays by a rollback', async () => {
  await tree.addFile(1, 'mine', 'mine');
  await tree.addFile(2, 'shared with a model', 'shared');
  await run.copy();
  const { cube } = tree.databases;
  await cube.query(
    `insert into ai.model_versions (id, model_id, sha256, source_sha256) select 1, 1, sha256, sha256 from paperwork.files where id = 2`,
  );
  await run.rollBack();
  expect([...tree.stored().values()].map(String)).toEqual(['shared']);
  expect((await cube.query('select count(*)::int as blobs from storage.blobs')).rows).toEqual([{ blobs: 1 }]);
});

test('a later run adopts what a cancelled one left, and moves what differs alone', async () => {
  for (let id = 1; id <= 20; id++) await tree.addFile(id, `file ${id}`, `content ${id}`);
  await tree.addResult(1, 1);
  await run.copy();
  await run.cancel();
  await tree.databases.legacy.query("update paperwork_files set mime_type = 'else' where id = 7");
  await tree.databases.legacy.query('delete from paperwork_files where id = 9');
  const before = await tree.databases.cube.query('select id, migrated_at from paperwork.files order by id');
  const next = await PaperworkRun.start('next', tree.deps);
  await next.copy();
  const after = await tree.databases.cube.query('select id, migrated_at from paperwork.files order by id');
  const moved = after.rows.filter(
    ({ id, migrated_at: at }) => before.rows.find((row) => row.id === id)?.migrated_at.getTime() !== at.getTime(),
  );
  expect(moved.map(({ id }) => id)).toEqual(['7']);
  expect(await next.verify()).toEqual([]);
  await next.rollBack();
  expect(await tree.left()).toEqual(nothingLeft);
});

describe('a pass', () => {
  beforeEach(async () => {
    for (let id = 1; id <= 9; id++) await tree.addFile(id, `file ${id}`, `content ${id}`);
    await tree.addResult(1, 5);
    symlinkSync('file 1', join(tree.folder, 'link'));
    await tree.addRow(10, 'link');
    await run.copy();
    await run.pass();
    expect(await run.verify()).toEqual([]);
  });

  const movedAt = async () => {
    const rows = await tree.databases.cube.query<{ id: string; at: string }>(
      'select id, migrated_at::text as at from paperwork.files order by id',
    );
    return new Map(rows.rows.map(({ id, at }) => [id, at]));
  };
  const movedSince = async (before: ReadonlyMap<string, string>) =>
    [...(await movedAt())].filter(([id, at]) => before.get(id) !== at).map(([id]) => id);

  test('touches only what changed in legacy: rows, files, and what became of them', { timeout: limit }, async () => {
    const before = await movedAt();
    await run.pass();
    expect(await movedSince(before)).toEqual([]);
    const file = join(tree.folder, 'file 2');
    writeFileSync(`${file}.new`, 'CONTENT 2');
    renameSync(`${file}.new`, file);
    await tree.databases.legacy.query("update paperwork_files set metadata = '[]' where id = 3");
    await tree.databases.legacy.query('delete from paperwork_files where id = 4');
    rmSync(join(tree.folder, 'file 5'));
    await tree.addFile(11, 'new', 'new');
    const stored = statSync(tree.blobFile('content 3')).ino;
    await run.pass();
    // Its row changed and its file did not: the file was not read again.
    expect(statSync(tree.blobFile('content 3')).ino).toBe(stored);
    expect(await movedSince(before)).toEqual(['2', '3', '11']);
    expect(await run.rejects()).toEqual(['paperwork_files 5 file_missing']);
    expect(await run.verify()).toEqual([]);
    expect((await tree.moved()).get('file 2')).toEqual(Buffer.from('CONTENT 2'));
    await run.rollBack();
    expect(await tree.left()).toEqual(nothingLeft);
  });

  test('leaves what is damaged in the cube to the verification and its repair', async () => {
    rmSync(tree.blobFile('content 7'));
    await run.pass();
    expect(await run.verify()).toEqual(['paperwork_files 7 content']);
    await run.repair();
    await run.pass();
    expect(await run.verify()).toEqual([]);
  });

  test('moves rows that exchanged their paths', async () => {
    await tree.databases.legacy.query(`
      update paperwork_files set path = 'x' where id = 1;
      update paperwork_files set path = 'file 1' where id = 2;
      update paperwork_files set path = 'file 2' where id = 1`);
    await tree.databases.legacy.query(`update paperwork_files set size = null`);
    await run.pass();
    expect(await run.rejects()).toEqual([]);
    expect(await run.verify()).toEqual([]);
  });

  test('moves a row that took over the path of a row that is passed over later', { timeout: limit }, async () => {
    const { legacy } = tree.databases;
    // More rows than are moved at once lie between the two.
    for (let id = 100; id < 500; id++) await tree.addRow(id, `${'./'.repeat(id)}file 1`);
    await tree.addRow(600, './file 1');
    await run.pass();
    await legacy.query(`
      update paperwork_files set path = 'x' where id = 600;
      update paperwork_files set path = './file 1', size = null where id = 1;
      update paperwork_files set path = 'file 1' where id = 600;
      update paperwork_files set mime_type = 'text/csv' where id between 100 and 500`);
    await run.pass();
    expect(await run.rejects()).toEqual([]);
    expect(await run.verify()).toEqual([]);
  });

  test('waits for a folder that is unmounted', async () => {
    renameSync(tree.folder, `${tree.folder}-away`);
    mkdirSync(tree.folder);
    await expect(run.pass()).rejects.toMatchObject({ type: 'legacy_files_unreachable' });
    rmSync(tree.folder, { recursive: true });
    renameSync(`${tree.folder}-away`, tree.folder);
    await run.pass();
    expect(await run.rejects()).toEqual([]);
    expect(await run.verify()).toEqual([]);
  });
});

test('files without a row are listed, by whatever path rows name the others', { timeout: limit }, async () => {
  await tree.addFile(1, 'a/named', 'named');
  tree.write('a/not named', 'four');
  tree.write('a/through a link', 'link');
  tree.write('a/with dots', 'dots');
  symlinkSync('a', join(tree.folder, 'folder link'));
  symlinkSync('a/not there', join(tree.folder, 'dangling'));
  await tree.addRow(2, 'folder link/through a link');
  await tree.addRow(3, './a//with dots');
  await tree.addFile(4, 'wrong size', 'wrong size');
  await tree.databases.legacy.query('update paperwork_files set size = 1 where id = 4');
  tree.write('deep/'.repeat(30).concat('not named either'), '');
  const cp949 = Buffer.from('c7d1b1db2e747874', 'hex');
  writeFileSync(Buffer.concat([Buffer.from(`${tree.folder}/a/`), cp949]), 'cp949');
  await run.copy();
  expect(await run.verify()).toEqual([]);
  const page = await readFilesWithoutRows(tree.databases.cube, 'paper', null, 2);
  const next = await readFilesWithoutRows(tree.databases.cube, 'paper', page.nextCursor, 2);
  expect(next.nextCursor).toBeNull();
  const found = [...page.items, ...next.items].map(({ path_base64, size }) => `${path_base64} ${size}`);
  expect(found.sort()).toEqual(
    [
      `${Buffer.from('a/not named').toString('base64')} 4`,
      `${Buffer.from('deep/'.repeat(30).concat('not named either')).toString('base64')} 0`,
      `${Buffer.concat([Buffer.from('a/'), cp949]).toString('base64')} 5`,
    ].sort(),
  );
  const evidence = await tree.databases.cube.query('select evidence from ledger.verifications');
  expect(evidence.rows[0]?.evidence).toMatchObject({ files_without_rows: 3, contents: { read: 3, damaged: 0 } });
});

test('a folder that is unmounted in the middle is waited for, and no row is rejected', { timeout: limit }, async () => {
  for (let id = 1; id <= 300; id++) await tree.addFile(id, `folder/file ${id}`, `content ${id}`);
  const away = `${tree.folder}-away`;
  let isAway = false;
  const unmount = (point: CrashPoint) => {
    if (point !== 'after-chunk-commit' || isAway) return;
    isAway = true;
    renameSync(tree.folder, away);
    mkdirSync(tree.folder);
  };
  await expect(run.with({ reach: unmount }).copy()).rejects.toMatchObject({ type: 'legacy_files_unreachable' });
  rmSync(tree.folder, { recursive: true });
  renameSync(away, tree.folder);
  expect((await tree.moved()).size).toBe(256);
  expect(await run.copy()).toEqual({ migrated: 44, rejected: 0 });
  expect(await run.rejects()).toEqual([]);
  expect(await run.verify()).toEqual([]);
});

describe.skipIf(!mayMount())('the disk of the store (needs root)', () => {
  let disk: SmallDisk;
  beforeEach(async () => {
    for (let id = 1; id <= 20; id++) await tree.addFile(id, `file ${id}`, `${id}`.repeat(5000));
    mkdirSync(tree.store);
    disk = SmallDisk.mount(tree.store, '32k');
  });
  afterEach(() => disk.unmount());

  test('is full: the run waits, holds nothing of what did not fit, and goes on', { timeout: limit }, async () => {
    await expect(run.copy()).rejects.toMatchObject({ type: 'disk_full', nonRetryable: false });
    expect(tree.stored().size).toBe(0);
    disk.grow();
    expect(await run.copy()).toEqual({ migrated: 20, rejected: 0 });
    expect(await run.verify()).toEqual([]);
    await run.rollBack();
    expect(await tree.left()).toEqual(nothingLeft);
  });

  test('is read-only: the run waits and goes on, and a rollback does so too', { timeout: limit }, async () => {
    disk.grow();
    disk.setReadOnly(true);
    await expect(run.copy()).rejects.toMatchObject({ type: 'storage_unreachable', nonRetryable: false });
    disk.setReadOnly(false);
    expect(await run.copy()).toEqual({ migrated: 20, rejected: 0 });
    disk.setReadOnly(true);
    expect(await run.verify()).toEqual([]);
    await expect(run.rollBack()).rejects.toMatchObject({ type: 'storage_unreachable' });
    disk.setReadOnly(false);
    await run.rollBack();
    expect(await tree.left()).toEqual(nothingLeft);
  });
});

test.each(['before', 'after'] as const)(
  'a worker whose run is rolled back %s it puts contents at their addresses leaves nothing',
  async (when) => {
    await tree.addFile(1, 'one', 'one');
    const { assets } = tree.deps;
    if (assets === undefined) throw new Error('a stack has assets');
    const real = assets.store();
    const late: Assets = {
      ...assets,
      store: () => ({
        ...real,
        keepMany: async (blobs) => {
          if (when === 'before') await run.rollBack();
          await real.keepMany(blobs);
          if (when === 'after') await run.rollBack();
        },
      }),
    };
    await expect(run.with({ assets: late }).copy()).rejects.toThrow();
    expect(await tree.left()).toEqual(nothingLeft);
  },
);

test('a folder that is unmounted is waited for', async () => {
  await tree.addFile(1, 'one', 'one');
  renameSync(join(tree.folder, 'one'), `${tree.folder}-away`);
  await expect(run.copy()).rejects.toMatchObject({ type: 'legacy_files_unreachable' });
  renameSync(`${tree.folder}-away`, join(tree.folder, 'one'));
  expect(await run.copy()).toEqual({ migrated: 1, rejected: 0 });
});

describe('a folder that holds other files than those that rows name', () => {
  beforeEach(async () => {
    for (let id = 1; id <= 5; id++) await tree.addFile(id, `folder/file ${id}`, `content ${id}`);
  });

  const exchange = () => {
    renameSync(tree.folder, `${tree.folder}-away`);
    mkdirSync(tree.folder);
    writeFileSync(join(tree.folder, 'another'), 'another');
  };
  const putBack = () => {
    rmSync(tree.folder, { recursive: true });
    renameSync(`${tree.folder}-away`, tree.folder);
  };
  const waits = {
    type: 'legacy_files_unreachable',
    nonRetryable: false,
    message: expect.stringContaining('holds none of the files that 5 rows of paperwork_files name'),
  };

  test('is waited for before the first row, and nothing is rejected', async () => {
    exchange();
    await expect(run.copy()).rejects.toMatchObject(waits);
    expect(await run.rejects()).toEqual([]);
    putBack();
    expect(await run.copy()).toEqual({ migrated: 5, rejected: 0 });
  });

  test('is waited for by a pass and a repair, which take out no row', async () => {
    await run.copy();
    await run.pass();
    exchange();
    await expect(run.pass()).rejects.toMatchObject(waits);
    await run.verify();
    await expect(run.repair()).rejects.toMatchObject(waits);
    expect(await run.rejects()).toEqual([]);
    expect((await tree.moved()).size).toBe(5);
    putBack();
    await run.pass();
    expect(await run.verify()).toEqual([]);
  });

  test('is taken as it is where one file is there', async () => {
    exchange();
    tree.write('folder/file 5', 'content 5');
    expect(await run.copy()).toEqual({ migrated: 1, rejected: 4 });
    expect(await run.rejects()).toEqual([1, 2, 3, 4].map((id) => `paperwork_files ${id} file_missing`));
  });

  test('is no fault where rows name no file at all', async () => {
    await tree.databases.legacy.query(`update paperwork_files set path = '/' || id`);
    exchange();
    expect(await run.copy()).toEqual({ migrated: 0, rejected: 5 });
  });
});
