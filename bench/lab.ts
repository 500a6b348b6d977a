import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { fillLegacy } from '../legacy/fill.js';
import { upgradeLedger } from '../src/postgres/ledger/schema.js';
import { defaultCacheFolder } from '../src/stack/downloads/fetch.js';
import { type RunningStack, startServers, stopStack } from '../src/stack/stack.js';
import { StackHome } from '../src/state/home.js';
import { prepareTransform, type RejectedIds } from './transform.js';

/** A legacy database with its rows, ready to be moved by any tool. */
export interface Source {
  readonly name: string;
  readonly records: number;
  readonly url: string;
  /** The digest that every contender's target must have. */
  readonly digest: string;
}

/** An empty cube database: the schema and nothing else. */
export interface Target {
  readonly name: string;
  readonly url: string;
}

/** Columns that must be equal; `migrated_at` says when, not what. */
const chartsDigest = `select count(*)::text || ' rows, ' || coalesce(md5(string_agg(md5(charts::text), '' order by id)), '') as digest
  from (select id, user_id, birth_info, saju_chart, convention, interpretation, created_at, updated_at from saju.charts) as charts`;

/** Rows past which a source is made by repeating a smaller one: writing five million by the generator takes minutes. */
const maxGenerated = 1_000_000;

/** The servers of a benchmark, in a folder of their own, and the databases on them. */
export class Lab {
  private readonly sources = new Map<number, Source>();
  private made = 0;

  private constructor(
    readonly folder: string,
    private readonly stack: RunningStack,
    private readonly log: (text: string) => void,
  ) {}

  static async open(log: (text: string) => void): Promise<Lab> {
    const folder = mkdtempSync(join(tmpdir(), 'cubeshift-bench-'));
    const cacheFolder = defaultCacheFolder(process.env);
    try {
      const stack = await startServers({ home: new StackHome(folder), cacheFolder, environment: {}, log });
      return new Lab(folder, stack, log);
    } catch (error) {
      await stopStack(new StackHome(folder), { purge: true });
      throw error;
    }
  }

  get env(): Readonly<Record<string, string>> {
    return this.stack.env;
  }

  get legacyUrl(): string {
    return this.stack.administratorUrls.legacy ?? '';
  }

  get cubeUrl(): string {
    return this.stack.administratorUrls.cube ?? '';
  }

  /** The source of a size; made at the first call. */
  async source(records: number): Promise<Source> {
    const known = this.sources.get(records);
    if (known !== undefined) return known;
    this.log(`making a legacy database of ${records} saju records`);
    const name = `legacy_${records}`;
    if (records > maxGenerated && records % maxGenerated === 0) await this.repeatSource(name, records);
    else await this.generateSource(name, records);
    const url = databaseUrl(this.legacyUrl, name);
    const source = { name, records, url, digest: await digestOf(url) };
    this.sources.set(records, source);
    return source;
  }

  /** A fresh target; both servers start it with nothing left to write from before. */
  async target(): Promise<Target> {
    const name = `cube_${++this.made}`;
    await onServer(this.cubeUrl, `create database ${name}`);
    const url = databaseUrl(this.cubeUrl, name);
    await upgradeLedger(url);
    await onServer(this.legacyUrl, 'checkpoint');
    await onServer(this.cubeUrl, 'checkpoint');
    return { name, url };
  }

  /** Throws unless the target holds just what the source's transform gives; then the target leaves. */
  async checkAndDrop(source: Source, target: Target, contender: string): Promise<void> {
    const found = await digestOf(target.url);
    if (found !== source.digest)
      throw new Error(`${contender} left a target that differs: ${found} instead of ${source.digest}.`);
    await onServer(this.cubeUrl, `drop database ${target.name} with (force)`);
  }

  async close(): Promise<void> {
    await this.stack.stop();
    await stopStack(new StackHome(this.folder), { purge: true });
  }

  private async generateSource(name: string, records: number): Promise<void> {
    await onServer(this.legacyUrl, `create database ${name}`);
    const url = databaseUrl(this.legacyUrl, name);
    const { rejected } = await fillLegacy({ url, records, seed: 7, log: this.log });
    await withClient(url, (client) => prepareTransform(client, [...rejected.keys()]));
  }

  /** The million again and again, each time under higher ids; its holes, oddities and rejects come along. */
  private async repeatSource(name: string, records: number): Promise<void> {
    const million = await this.source(maxGenerated);
    await onServer(this.legacyUrl, `create database ${name} template ${million.name}`);
    await withClient(databaseUrl(this.legacyUrl, name), async (client) => {
      const ids = await client.query<{ id: string }>('select id from saju.rejected order by id');
      const top = await client.query<{ top: string }>('select max(id) as top from saju_records');
      const step = Number(top.rows[0]?.top ?? 0);
      const shifts = Array.from({ length: records / maxGenerated - 1 }, (_, place) => step * (place + 1));
      await client.query('drop index saju_records_user');
      const columns = await client.query<{ list: string }>(
        `select string_agg(attname, ', ' order by attnum) as list from pg_attribute
          where attrelid = 'saju_records'::regclass and attnum > 1 and not attisdropped`,
      );
      const list = columns.rows[0]?.list;
      for (const shift of shifts) {
        await client.query(
          `insert into saju_records (id, ${list}) select id + ${shift}, ${list} from saju_records where id <= ${step} order by id`,
        );
      }
      await client.query('create index saju_records_user on saju_records (user_id)');
      await client.query('vacuum analyze saju_records');
      const rejected: RejectedIds = [0, ...shifts].flatMap((shift) =>
        ids.rows.map(({ id }) => String(Number(id) + shift)),
      );
      await prepareTransform(client, rejected);
    });
  }
}

async function digestOf(url: string): Promise<string> {
  return withClient(url, async (client) => {
    await client.query("set timezone = 'UTC'");
    await client.query("set work_mem = '256MB'");
    const found = await client.query<{ digest: string }>(chartsDigest);
    return found.rows[0]?.digest ?? '';
  });
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

export async function onServer(url: string, statement: string): Promise<void> {
  await withClient(url, (client) => client.query(statement));
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
