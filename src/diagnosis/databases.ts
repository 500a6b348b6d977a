import type pg from 'pg';
import { Failure } from '../base/failures.js';
import { kindsOf, migrationKinds } from '../domain/catalog.js';
import type { ServedCube } from '../domain/cubes.js';
import { registry } from '../kinds/registry.js';
import { checkMayCreate } from '../kinds/rows/preflight/grants.js';
import { isSameDatabase } from '../kinds/rows/preflight/same-database.js';
import { type DatabaseFacts, databaseOf, inspectDatabase, type NamedDatabase } from '../postgres/diagnosis.js';
import { checkLedgerVersion, knownLedgerVersion, ledgerVersion } from '../postgres/ledger/schema.js';
import { type UnsafeLogSetting, unsafeLogSettings } from '../postgres/log-settings.js';

/** A database that can be used, and by which settings contents of records may come into its server's log. */
export interface InspectedDatabase extends DatabaseFacts {
  readonly unsafeLogSettings: readonly UnsafeLogSetting[];
}

/** Throws what keeps the engine from reading legacy, before anything is started. */
export function inspectLegacy(url: string): Promise<InspectedDatabase> {
  return inspect(databaseOf('legacy', url), async (client) => {
    for (const kind of migrationKinds) await registry[kind].checkLegacy(client);
  });
}

/** Throws what keeps the engine from keeping its ledger and the rows in the cube database, before anything is started. */
export function inspectCube(url: string): Promise<InspectedDatabase> {
  return inspect(databaseOf('cube', url), async (client) => {
    await checkLedgerVersion(client);
    // Programs make the ledger, and what it lacks, when they start.
    if ((await ledgerVersion(client)) < knownLedgerVersion()) await checkMayCreate(client, 'cube');
    for (const kind of migrationKinds) await registry[kind].checkCube(client);
  });
}

/** Throws what keeps a cube from serving users out of legacy's tables, with a role of its own. */
export function inspectCubesLegacy(cube: ServedCube, url: string): Promise<InspectedDatabase> {
  const { cubeId, trafficName, legacyDatabaseVariable: variable } = cube;
  const database: NamedDatabase = { side: 'legacy', name: 'legacy database', variable, url };
  return inspect(database, async (client) => {
    for (const kind of kindsOf(cubeId)) await registry[kind].checkServing(client, `The ${trafficName} cube's role`);
  });
}

/** Throws `configuration_invalid` when both URLs lead to one database, by whatever addresses; both can be connected to. */
export function checkApart(legacyUrl: string, cubeUrl: string): Promise<void> {
  return inspectDatabase(databaseOf('cube', cubeUrl), (holder) =>
    inspectDatabase(databaseOf('legacy', legacyUrl), async (other) => {
      if (!(await isSameDatabase(holder, other))) return;
      throw new Failure('configuration_invalid', 'LEGACY_DATABASE_URL and CUBE_DATABASE_URL name the same database.', {
        hint: 'Give the cubes a database of their own.',
      });
    }),
  );
}

function inspect(database: NamedDatabase, check: (client: pg.Client) => Promise<void>): Promise<InspectedDatabase> {
  return inspectDatabase(database, async (client, facts) => {
    await check(client);
    return { ...facts, unsafeLogSettings: await unsafeLogSettings(client) };
  });
}
