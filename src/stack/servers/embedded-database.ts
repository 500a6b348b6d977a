import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import type { Side } from '../../domain/side.js';
import { connectClient } from '../../postgres/connect.js';
import { knownLedgerVersion, ledgerVersion, upgradeLedger } from '../../postgres/ledger/schema.js';
import { passwordFrom, type StackSettings } from '../../state/settings.js';
import { asMigrator, endMigrator } from './audit-owner.js';
import type { PostgresPlace } from './postgres-place.js';
import { type CubeRole, databaseRoles, ensureRoles, grantRights, type LegacyRole } from './postgres-roles.js';
import { administrator, administratorUrl, isReady, type PostgresServer } from './postgres-server.js';
import { scramVerifier } from './scram.js';

const portNames = { legacy: 'legacyPostgres', cube: 'cubePostgres' } as const;

/** One of the two embedded servers. */
export function embeddedServer(settings: StackSettings, place: PostgresPlace, side: Side): PostgresServer {
  return {
    name: `postgres-${side}`,
    place,
    port: settings.ports[portNames[side]],
    password: passwordFrom(settings, `${side} ${administrator}`),
  };
}

/** The URL at which one role reaches its embedded database. */
export function roleUrl(
  settings: Pick<StackSettings, 'ports' | 'passwordSecret'>,
  side: Side,
  role: LegacyRole | CubeRole,
): string {
  const address = `127.0.0.1:${settings.ports[portNames[side]]}`;
  return `postgres://${role}:${passwordFrom(settings, `${side} ${role}`)}@${address}/${databaseRoles[side].database}`;
}

/** Makes of a server that runs what the programs need: roles, database, the ledger's schema, rights. Repeatable. */
export async function prepareDatabase(server: PostgresServer, settings: StackSettings, side: Side): Promise<void> {
  const verifierOf = (role: string) => scramVerifier(passwordFrom(settings, `${side} ${role}`));
  await asAdministrator(server, 'postgres', (client) => ensureRoles(client, side, verifierOf));
  const { database, owner } = databaseRoles[side];
  await prepareTables(administratorUrl(server, database), roleUrl(settings, side, owner), side);
}

/** The part of `prepareDatabase` that is one database's alone. */
export async function prepareTables(administratorUrl: string, ownerUrl: string, side: Side): Promise<void> {
  await withClient(administratorUrl, async (client) => {
    const { owner } = databaseRoles[side];
    if (side === 'cube') await endMigrator(client, owner);
    if (side === 'cube' && (await ledgerVersion(client)) < knownLedgerVersion())
      await asMigrator(client, owner, ownerUrl, (url) => upgradeLedger(url));
    await grantRights(client, side);
  });
}

/** Gives the programs their rights on legacy's tables, which may have come after the server. */
export async function grantOnLegacy(server: PostgresServer): Promise<void> {
  await asAdministrator(server, databaseRoles.legacy.database, (client) => grantRights(client, 'legacy'));
}

async function asAdministrator(
  server: PostgresServer,
  database: string,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  if (!(await isReady(server))) throw new Failure('unexpected', `${server.name} does not answer its administrator.`);
  await withClient(administratorUrl(server, database), work);
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await connectClient(url, { applicationName: 'cubeshift up' });
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
