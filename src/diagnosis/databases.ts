import type pg from 'pg';
import { Failure } from '../failures.js';
import { type DatabaseFacts, databaseOf, lookAtDatabase, type NamedDatabase } from '../postgres/diagnosis.js';
import { checkMayCreate } from '../postgres/grants.js';
import { checkLedgerVersion, knownLedgerVersion, ledgerVersion } from '../postgres/ledger-schema.js';
import { checkSource, checkTarget } from '../postgres/preflight.js';
import type { RowMapping } from '../postgres/row-mapping.js';
import { sajuRecordsMapping } from '../postgres/saju-records.js';

/** Every kind of rows that can be moved. */
const mappings: readonly RowMapping[] = [sajuRecordsMapping];

/** Throws what keeps the engine from reading legacy, before anything is started. */
export function lookAtLegacy(url: string): Promise<DatabaseFacts> {
  return look(databaseOf('legacy', url), async (client) => {
    for (const mapping of mappings) await checkSource(client, mapping);
  });
}

/** Throws what keeps the engine from keeping its ledger and the rows in the cube database, before anything is started. */
export function lookAtCube(url: string): Promise<DatabaseFacts> {
  return look(databaseOf('cube', url), async (client) => {
    await checkLedgerVersion(client);
    // Programs make the ledger, and what it lacks, when they start.
    if ((await ledgerVersion(client)) < knownLedgerVersion()) await checkMayCreate(client, 'cube');
    for (const mapping of mappings) if (await isThere(client, mapping.target)) await checkTarget(client, mapping);
  });
}

/** Throws `configuration_invalid` when both URLs name one database, as far as their texts tell. */
export function checkUrlsApart(legacyUrl: string, cubeUrl: string): void {
  if (place(legacyUrl) !== place(cubeUrl)) return;
  throw new Failure('configuration_invalid', 'LEGACY_DATABASE_URL and CUBE_DATABASE_URL name the same database.', {
    hint: 'Give the cubes a database of their own.',
  });
}

function place(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? hostname;
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(host) ? 'localhost' : host.toLowerCase();
  return [local, searchParams.get('port') ?? (port || '5432'), pathname].join(' ');
}

function look(database: NamedDatabase, check: (client: pg.Client) => Promise<void>): Promise<DatabaseFacts> {
  return lookAtDatabase(database, async (client, facts) => {
    await check(client);
    return facts;
  });
}

async function isThere(client: pg.Client, { schema, table }: RowMapping['target']): Promise<boolean> {
  const found = await client.query(
    'select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2',
    [schema, table],
  );
  return found.rowCount !== 0;
}
