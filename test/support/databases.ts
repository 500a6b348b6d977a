import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { fillLegacy } from '../../legacy/fill.js';

/** A legacy and a cube database of one test file, on the shared servers. */
export interface TestDatabases {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
  readonly legacy: pg.Pool;
  readonly cube: pg.Pool;
  /** What the generator itself says must be rejected, and why, by id. */
  readonly rejected: ReadonlyMap<string, string>;
  drop(): Promise<void>;
}

export interface Addresses {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
}

/** Two fresh databases; legacy holds the monolith's schema and `records` generated rows. */
export async function createDatabases(
  records: number,
  { seed = 7, servers = inject('servers') }: { seed?: number; servers?: Addresses } = {},
): Promise<TestDatabases> {
  const name = `t${randomBytes(6).toString('hex')}`;
  const legacyUrl = await createDatabase(servers.legacyUrl, name);
  const cubeUrl = await createDatabase(servers.cubeUrl, name);
  const { rejected } = await fillLegacy({ url: legacyUrl, records, seed, log: () => undefined });
  const legacy = quietPool(legacyUrl);
  const cube = quietPool(cubeUrl);
  return {
    legacyUrl,
    cubeUrl,
    legacy,
    cube,
    rejected,
    drop: async () => {
      await Promise.all([legacy.end(), cube.end()]);
      await dropDatabase(servers.legacyUrl, name);
      await dropDatabase(servers.cubeUrl, name);
    },
  };
}

/** Makes a database on the server of `url` and returns its URL. */
export async function createDatabase(url: string, name: string, settings = ''): Promise<string> {
  await onServer(url, `create database ${pg.escapeIdentifier(name)} ${settings}`);
  const made = new URL(url);
  made.pathname = `/${name}`;
  return made.href;
}

export async function dropDatabase(url: string, name: string): Promise<void> {
  await onServer(url, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function quietPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 3, options: '-c TimeZone=UTC -c DateStyle=ISO' });
  // Tests stop servers and drop databases under idle connections.
  pool.on('error', () => undefined);
  return pool;
}
