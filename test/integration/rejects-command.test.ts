import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kindEntry } from '../../src/domain/catalog.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import type { RejectItem } from '../../src/domain/migration/reject-item.js';
import { runCommand, type Said, startCommand, type Variables } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { readCsv } from '../support/csv.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, testSecret } from '../support/engine.js';

/** `cubeshift migrate rejects` against a run on real servers. */
let databases: TestDatabases;
let engine: Engine;
let folder: string;
let variables: Variables;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-rejects-'));
  databases = await createDatabases(3000);
  engine = await Engine.start(databases);
  variables = { CONTROL_URL: engine.url, CUBE_JWT_SECRET: testSecret, CUBESHIFT_HOME: join(folder, 'home') };
  await engine.startMigration('run');
  await engine.waitForRest('run');
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
  rmSync(folder, { recursive: true, force: true });
});

function rejects(...args: readonly string[]): Promise<Said> {
  return runCommand(['migrate', 'rejects', 'run', ...args], variables);
}

function file(name: string): string {
  return join(folder, name);
}

function idsOf(reason: string): readonly string[] {
  return [...databases.rejected]
    .filter(([, one]) => one === reason)
    .map(([id]) => id)
    .sort((a, b) => Number(a) - Number(b));
}

test('shows each reason with its count, an example and what to do, then each reject', async () => {
  const { code, stdout, stderr } = await rejects();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    new RegExp(`^saju-records run: ${databases.rejected.size} rejects open, 0 accepted, 0 moved since\\n`),
  );
  for (const [reason, text] of Object.entries(kindEntry('saju-records').rejectReasons)) {
    const ids = idsOf(reason);
    if (ids.length === 0) expect(stdout).not.toContain(reason);
    else {
      expect(stdout).toMatch(new RegExp(`^${reason} +${ids.length} +0 +0 +${ids[0]}$`, 'm'));
      expect(stdout).toContain(`  ${text}\n`);
    }
  }
  const listed = [...stdout.matchAll(/^(\d+) +\w+ +1 +open +/gm)].map(([, id]) => id ?? '');
  expect(new Set(listed)).toEqual(new Set(databases.rejected.keys()));
  expect(stdout).toContain('next: cubeshift migrate rejects run --reason ');
});

test('lists those of one reason, one alone, and no more than a limit', async () => {
  const [reason = ''] = databases.rejected.values();
  const [id = ''] = idsOf(reason);
  const one = JSON.parse((await rejects('--reason', reason, '--json')).stdout) as {
    items: RejectItem[];
    summary: object;
  };
  expect(one.items.map((item) => item.id)).toEqual(idsOf(reason));
  expect(one.summary).toMatchObject({ reasons: [{ reason, open: idsOf(reason).length }] });
  expect(JSON.parse((await rejects('--id', id, '--json')).stdout).items).toMatchObject([
    { id, reason, resolution: 'open' },
  ]);
  const few = await rejects('--limit', '2');
  expect(few.stdout.match(/^\d+ +\w+ +1 +open/gm)).toHaveLength(2);
  expect(few.stdout).toContain('There are more: --limit');
});

test('a reason or an id that no reject has is a sentence that names those there are', async () => {
  const reason = await rejects('--reason', 'drawing_unreadable');
  expect(reason).toMatchObject({ code: 1, stdout: '' });
  expect(reason.stderr).toContain('There is no reject of the reason drawing_unreadable.');
  expect(reason.stderr).toContain([...databases.rejected.values()][0]);
  expect(await rejects('--id', '9223372036854775807')).toMatchObject({ code: 1, stdout: '' });
});

test('contents are asked for and shown with --show-contents alone', async () => {
  const [id = ''] = databases.rejected.keys();
  const without = await rejects('--id', id, '--json');
  expect(JSON.parse(without.stdout).items[0]).not.toHaveProperty('payload');
  expect((await rejects('--id', id)).stdout).not.toContain('convention');
  const shown = await rejects('--id', id, '--show-contents');
  expect(shown.stdout).toMatch(new RegExp(`^CONTENTS\\n${id} \\{.*"birth_year":`, 'm'));
  expect(JSON.parse((await rejects('--id', id, '--show-contents', '--json')).stdout).items[0].payload.id).toBe(id);
});

test('contents that would steer a terminal are shown as escapes, and lose nothing', async () => {
  const [id = ''] = databases.rejected.keys();
  const tricks = '\u001b]0;owned\u0007\u009b31m\u202e한글';
  await databases.cube.query(
    `update ledger.rejects set payload = payload || jsonb_build_object('interpretation', $2::text) where source_id = $1`,
    [id, tricks],
  );
  const { stdout } = await rejects('--id', id, '--show-contents');
  expect(stdout).not.toMatch(/(?![\n])[\p{Cc}\u202e]/u);
  expect(stdout).toContain('\\u001b]0;owned\\u0007\\u009b31m\\u202e한글');
  const [, line = ''] = /^CONTENTS\n\d+ (.*)$/m.exec(stdout) ?? [];
  expect(JSON.parse(line).interpretation).toBe(tricks);
});

test.each(['csv', 'jsonl'] as const)('an export as %s holds every reject, for its owner alone', async (format) => {
  const path = file(`all.${format}`);
  const { code, stdout, stderr } = await rejects('--export', path);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: `${databases.rejected.size} rejects were written to ${path}, which you alone can read.\n`,
    stderr: '',
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const read = readExport(path);
  expect(new Map(read.map(({ id, reason }) => [id, reason]))).toEqual(databases.rejected);
  expect(readFileSync(path, 'utf8')).not.toContain('convention');
  const seeing = file(`contents.${format}`);
  await rejects('--export', seeing, '--show-contents');
  for (const { id, contents } of readExport(seeing)) expect(contents).toMatchObject({ id });
});

test('an export replaces a file only where that is said', async () => {
  const path = file('kept.csv');
  writeFileSync(path, 'mine', { mode: 0o644 });
  const refused = await rejects('--export', path);
  expect(refused).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('add --overwrite') });
  expect(readFileSync(path, 'utf8')).toBe('mine');
  expect((await rejects('--export', path, '--overwrite')).code).toBe(0);
  expect(readExport(path)).toHaveLength(databases.rejected.size);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await rejects('--export', folder, '--format', 'csv', '--overwrite')).toMatchObject({ code: 2 });
  expect(await rejects('--export', file('none/x.csv'))).toMatchObject({ code: 2, stdout: '' });
  expect(partials()).toEqual([]);
});

test('a cell that a spreadsheet would take for a formula begins with an apostrophe', async () => {
  const whys = [
    ['=cmd()', "'=cmd()"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@sum', "'@sum"],
    ['\t=x', "'=x"],
    ['plain, with "quotes"\nand a second line', 'plain, with "quotes" and a second line'],
    ["ok\n=cmd|'/C calc'!A0", "ok =cmd|'/C calc'!A0"],
    ["ok;=cmd|'/C calc'!A0", "ok;'=cmd|'/C calc'!A0"],
    ['ok; "=cmd"', `ok; "'=cmd"`],
  ] as const;
  const ids = [...databases.rejected.keys()].slice(0, whys.length);
  await databases.cube.query(
    `update ledger.rejects set resolution = 'accepted', accepted_by = '=kim', accepted_why = why, accepted_at = now()
       from unnest($1::bigint[], $2::text[]) as given (id, why) where source_id = given.id`,
    [ids, whys.map(([why]) => why)],
  );
  await databases.cube.query(
    `update ledger.rejects set payload = payload || jsonb_build_object('interpretation', $2::text) where source_id = $1`,
    [ids[0], "ok;=cmd|'/C calc'!A0"],
  );
  await rejects('--export', file('formulas.csv'), '--resolution', 'accepted', '--show-contents');
  const rows = readFileSync(file('formulas.csv'), 'utf8').trimEnd().split('\r\n').slice(1);
  expect(rows).toHaveLength(whys.length);
  for (const row of rows) expect(row).toMatch(/^"saju_records",\d+,"[^\n]*$/);
  expect(rows.join('')).not.toMatch(/;[\s"]*=/);
  const read = new Map(readExport(file('formulas.csv')).map((row) => [row.id, row]));
  expect(ids.map((id) => read.get(id)?.why)).toEqual(whys.map(([, cell]) => cell));
  expect(read.get(ids[0] ?? '')?.contents).toMatchObject({ interpretation: "ok;=cmd|'/C calc'!A0" });
  expect(read.get(ids[0] ?? '')?.by).toBe("'=kim");
  await databases.cube.query("update ledger.rejects set resolution = 'open' where source_id = any ($1)", [ids]);
});

test('a hundred thousand rejects are exported page by page; killed in the middle, no file is left', async () => {
  await databases.cube.query(
    `insert into ledger.rejects (migration_id, table_name, source_id, reason, detail, payload)
     select 'run', 'saju_records', 10000000 + n, 'date_invalid', 'birth_day', jsonb_build_object('id', n) from generate_series(1, 100000) as n`,
  );
  const path = file('many.jsonl');
  const { child, said } = startCommand(['migrate', 'rejects', 'run', '--export', path], variables);
  await until('the export to have begun', async () => partials().some((name) => statSync(file(name)).size > 0));
  child.kill('SIGINT');
  expect(await said).toMatchObject({ code: null });
  expect([partials(), existsSync(path)]).toEqual([[], false]);
  expect((await rejects('--export', path)).code).toBe(0);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(100_000 + databases.rejected.size);
  expect(new Set(lines.map((line) => JSON.parse(line).id)).size).toBe(lines.length);
  const shown = await rejects();
  expect(shown.stdout.split('\n').length).toBeLessThan(100);
  await databases.cube.query('delete from ledger.rejects where source_id > 10000000');
}, 120_000);

test('a retry says what went through, and one of a reason or an id tries those alone', async () => {
  const empty = idsOf('user_id_empty');
  await databases.legacy.query("update saju_records set user_id = 'mended' where id = $1", [empty[0]]);
  const reason = await rejects('--retry', '--reason', 'user_id_empty', '--wait');
  expect(reason).toMatchObject({ code: 0 });
  expect(reason.stdout).toContain(
    `last retry of rejects: 1 of ${empty.length} rejects went through, ${empty.length - 1} as before.`,
  );
  const single = await rejects('--retry', '--id', empty[1] ?? '', '--wait', '--json');
  expect(JSON.parse(single.stdout) satisfies MigrationView).toMatchObject({
    last_operation: { by: 'command-line', retried: { tried: 1, moved: 0, as_before: 1 } },
  });
  expect((await rejects('--id', empty[0] ?? '')).stdout).toMatch(/ moved by command-line, \d{4}-/);
});

test('those of one reason are accepted, and say by whom and why', async () => {
  const accepted = await rejects(
    '--accept',
    '--reason',
    'calendar_missing',
    '--by',
    '김철수',
    '--why',
    '시험 계정',
    '--wait',
  );
  expect(accepted.code).toBe(0);
  const { stdout } = await rejects('--resolution', 'accepted');
  const lines = stdout.split('\n').filter((line) => line.includes('accepted by 김철수'));
  expect(lines).toHaveLength(idsOf('calendar_missing').length);
  for (const line of lines) expect(line).toMatch(/: 시험 계정 {2}/);
});

test('a repair says what it did by kind of difference', async () => {
  const { rows } = await databases.cube.query<{ id: string }>('select id from saju.charts order by id limit 2');
  await databases.cube.query('delete from saju.charts where id = $1', [rows[0]?.id]);
  await databases.cube.query("update saju.charts set interpretation = 'other' where id = $1", [rows[1]?.id]);
  await runCommand(['migrate', 'verify', 'run', '--wait'], variables);
  const { stdout } = await runCommand(['migrate', 'repair', 'run', '--wait'], variables);
  expect(stdout).toContain('last repair: Rows repaired: 1 missing, 1 different.');
});

test('a row that a retry moved says so, and after a rollback no reject is moved or can be retried', async () => {
  const [reason = ''] = databases.rejected.values();
  const all = databases.rejected.size;
  const hours = await databases.legacy.query<{ id: string }>(
    'update saju_records set birth_hour = 23, birth_minute = 59 where birth_hour > 23 returning id',
  );
  expect(hours.rowCount).toBeGreaterThan(0);
  await runCommand(['migrate', 'rejects', 'run', '--retry', '--reason', 'hour_invalid', '--wait'], variables);
  const id = hours.rows[0]?.id ?? '';
  const moved = await rejects('--id', id);
  expect(moved.stdout).toMatch(new RegExp(`^${id} +hour_invalid +\\d +moved by .* before it was moved: birth_`, 'm'));
  expect((await rejects('--reason', reason)).stdout).toContain('--retry --wait');

  await engine.steer('run', 'rollback');
  await engine.waitFor('run', 'rolled back', ({ status }) => status === 'rolled_back');
  const { stdout } = await rejects();
  const [, open, accepted] =
    /^saju-records run: (\d+) rejects open, (\d+) accepted, 0 moved since\n/.exec(stdout) ?? [];
  expect(Number(open) + Number(accepted)).toBe(all);
  expect(stdout).toMatch(/--reason \w+ --export/);
  expect(stdout).not.toContain('--retry');
  const path = file('rolled-back.jsonl');
  await rejects('--export', path);
  expect(readFileSync(path, 'utf8')).not.toContain('"moved"');
});

function partials(): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.partial'));
}

interface Exported {
  readonly id: string;
  readonly reason: string;
  readonly by: string | null;
  readonly why: string | null;
  readonly contents: unknown;
}

function readExport(path: string): readonly Exported[] {
  const text = readFileSync(path, 'utf8');
  if (path.endsWith('.csv'))
    return readCsv(text).map((row) => ({
      id: row.id ?? '',
      reason: row.reason ?? '',
      by: row.by ?? null,
      why: row.why ?? null,
      contents: row.contents === '' ? undefined : JSON.parse(row.contents ?? 'null'),
    }));
  const items = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RejectItem);
  return items.map(({ id, reason, by, why, payload }) => ({ id, reason, by, why, contents: payload }));
}
