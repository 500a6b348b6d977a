import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Visit } from '../../legacy/crawler-site/visits.js';
import { packageRoot } from '../../src/base/package-root.js';
import { until } from '../support/conditions.js';
import { CrawlerCaller } from '../support/crawler-contract.js';
import { createDatabase, dropDatabase } from '../support/databases.js';

/** The stand-in's programs as `up` starts them: the site, the one that fills the tables, and the crawler. */
const name = `t${randomBytes(6).toString('hex')}`;
let folder: string;
let legacyUrl: string;
const running: ChildProcess[] = [];
let site: string;
let caller: CrawlerCaller;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'legacy-crawler-'));
  legacyUrl = await createDatabase(inject('servers').legacyUrl, name);
  site = await run('crawler-site', { PORT: '0', LOG_FILE: join(folder, 'visits') });
  const options = ['--if-empty', '--records', '10', '--crawler', site, '--jobs', '50'];
  await promisify(execFile)(process.execPath, [program('main'), ...options], {
    env: { PATH: process.env.PATH, LEGACY_DATABASE_URL: legacyUrl },
  });
  const url = await run('crawler-service', {
    LEGACY_DATABASE_URL: legacyUrl,
    CRAWLER_ALLOWED_TARGETS: `127.77.0.1/32:${new URL(site).port}`,
    PORT: '0',
  });
  caller = new CrawlerCaller({ url, headers: {} });
});
afterAll(async () => {
  for (const program of running) program.kill();
  await Promise.all(running.map(async (program) => program.exitCode ?? (await once(program, 'exit'))));
  await dropDatabase(inject('servers').legacyUrl, name);
  rmSync(folder, { recursive: true });
});

function program(of: string): string {
  return join(packageRoot(), 'dist', 'legacy', `${of}.js`);
}

/** Returns where it listens. */
async function run(of: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const env = { PATH: process.env.PATH, ...environment };
  const started = spawn(process.execPath, [program(of)], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  running.push(started);
  const [said] = (await once(started.stderr ?? expect.fail(), 'data')) as [Buffer];
  return /http:\S+/.exec(said.toString())?.[0] ?? expect.fail(said.toString());
}

test('the active job of a new stand-in has crawled the site, and the site has it in its file', async () => {
  const jobs = (await caller.list('/jobs')) as readonly { readonly id: number; readonly name: string }[];
  expect(jobs).toHaveLength(50);
  const { id } = jobs.find((job) => job.name === 'status-active') ?? expect.fail();
  await caller.rest(id);
  expect((await caller.results(id)).map(({ url }) => url)).toEqual([`${site}/ko/1`, `${site}/en/2`]);
  const lines = await until('the lines are written', () => {
    const own = readFileSync(join(folder, 'visits'), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const visits = own.map((line) => JSON.parse(line) as Visit).filter(({ job }) => job === String(id));
    return visits.length > 2 && visits;
  });
  expect(lines.map(({ path, status, side }) => [path, status, side])).toEqual([
    ['/robots.txt', 200, 'legacy'],
    ['/ko/1', 200, 'legacy'],
    ['/en/2', 200, 'legacy'],
  ]);
});

test('they end at a signal', async () => {
  for (const started of running) {
    const ended = once(started, 'exit');
    started.kill();
    expect(await ended).toEqual([0, null]);
  }
});
