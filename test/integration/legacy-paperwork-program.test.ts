import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { expectedPaperwork } from '../../legacy/paperwork/expected.js';
import { packageRoot } from '../../src/base/package-root.js';
import { createDatabase, dropDatabase } from '../support/databases.js';

/** The stand-in's programs as `up` starts them: one fills database and folder, the other serves them. */
const name = `t${randomBytes(6).toString('hex')}`;
let folder: string;
let legacyUrl: string;
let legacy: pg.Pool;
let service: ChildProcess | undefined;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'legacy-paperwork-'));
  legacyUrl = await createDatabase(inject('servers').legacyUrl, name);
  await fill();
  legacy = new pg.Pool({ connectionString: legacyUrl, max: 1 });
  const env = {
    PATH: process.env.PATH,
    LEGACY_DATABASE_URL: legacyUrl,
    LEGACY_STORAGE_DIR: join(folder, 'files'),
    PORT: '0',
  };
  service = spawn(process.execPath, [program('paperwork-service')], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [said] = (await once(service.stderr ?? expect.fail(), 'data')) as [Buffer];
  url = /http:\S+/.exec(said.toString())?.[0] ?? expect.fail(said.toString());
});
afterAll(async () => {
  if (service !== undefined) {
    const ended = once(service, 'exit');
    service.kill();
    expect(await ended).toEqual([0, null]);
  }
  await legacy.end();
  await dropDatabase(inject('servers').legacyUrl, name);
  rmSync(folder, { recursive: true });
});

function program(of: string): string {
  return join(packageRoot(), 'dist', 'legacy', `${of}.js`);
}

async function fill(): Promise<void> {
  const options = ['--if-empty', '--records', '10', '--paperwork', folder];
  const env = { PATH: process.env.PATH, LEGACY_DATABASE_URL: legacyUrl };
  await promisify(execFile)(process.execPath, [program('main'), ...options], { env });
}

test('every row of a file that must be moved is served with the content that the list names', async () => {
  const { rows } = await legacy.query('select id::int, size::int from paperwork_files');
  expect(rows).toHaveLength(400);
  const { files } = expectedPaperwork();
  const sums = new Set(Object.values(files).map(({ sha256 }) => sha256));
  let found = 0;
  let absent = 0;
  let differing = 0;
  for (const { id, size } of rows) {
    const answer = await fetch(`${url}/files/${id}/content`);
    const content = Buffer.from(await answer.arrayBuffer());
    if (answer.status === 404) absent++;
    else if (size !== null && size !== content.length) differing++;
    if (sums.has(createHash('sha256').update(content).digest('hex'))) found++;
  }
  // An absolute path, a link outside, a file that is gone, a folder; and a file that was cut.
  expect([absent, differing]).toEqual([4, 1]);
  expect(found).toBeGreaterThanOrEqual(13);
});

test('new ids are above those that are there, and filling again changes nothing', async () => {
  const form = new FormData();
  form.set('file', new Blob(['x']), 'a.txt');
  const { id } = (await (await fetch(`${url}/files`, { method: 'POST', body: form })).json()) as {
    readonly id: number;
  };
  const { rows } = await legacy.query('select max(id)::int as max from paperwork_files where id <> $1', [id]);
  expect(id).toBeGreaterThan(rows[0].max);
  await fill();
  expect((await fetch(`${url}/files/${id}/content`)).status).toBe(200);
});
