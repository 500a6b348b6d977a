import pg from 'pg';
import { Failure } from '../../base/failures.js';
import { connectClient } from '../../postgres/connect.js';
import { knownLedgerVersion, ledgerVersion, upgradeLedger } from '../../postgres/ledger/schema.js';
import type { StackHome } from '../../state/home.js';
import { passwordFrom, type StackSettings } from '../../state/settings.js';
import { asMigrator, endMigrator } from './audit-owner.js';
import { adoptFormerData, type PostgresPlace } from './postgres-place.js';
import {
  type CubeRole,
  type DatabaseSide,
  databaseRoles,
  ensureRoles,
  giveToOwner,
  grantRights,
  type LegacyRole,
} from './postgres-roles.js';
import { administrator, administratorsUrl, administratorUrl, type PostgresServer } from './postgres-server.js';
import { scramVerifier } from './scram.js';

const portNames = { legacy: 'legacyPostgres', cube: 'cubePostgres' } as const;

/** One of the two embedded servers, whose data is taken over from an older version of this program where it left some. */
export async function embeddedServer(
  home: StackHome,
  settings: StackSettings,
  place: PostgresPlace,
  side: DatabaseSide,
): Promise<PostgresServer> {
  const name = `postgres-${side}` as const;
  await adoptFormerData(home, place, name);
  const former = settings.postgresPassword === undefined ? [] : [settings.postgresPassword];
  return {
    name,
    place,
    port: settings.ports[portNames[side]],
    passwords: [passwordFrom(settings, `${side} ${administrator}`), ...former],
  };
}

/** The URL by which one role reaches its embedded database. */
export function roleUrl(
  settings: Pick<StackSettings, 'ports' | 'passwordSecret'>,
  side: DatabaseSide,
  role: LegacyRole | CubeRole,
): string {
  const address = `127.0.0.1:${settings.ports[portNames[side]]}`;
  return `postgres://${role}:${passwordFrom(settings, `${side} ${role}`)}@${address}/${databaseRoles[side].database}`;
}

/** Makes of a server that runs what the programs need: roles, database, the ledger's schema, rights. Repeatable. */
export async function prepareDatabase(
  server: PostgresServer,
  settings: StackSettings,
  side: DatabaseSide,
): Promise<void> {
  const verifierOf = (role: string) => scramVerifier(passwordFrom(settings, `${side} ${role}`));
  await asAdministrator(await administratorsUrl(server), async (client) => {
    await client.query(`alter role ${administrator} password ${pg.escapeLiteral(verifierOf(administrator))}`);
    await ensureRoles(client, side, verifierOf);
  });
  const { database, owner } = databaseRoles[side];
  await prepareTables(administratorUrl(server, database), roleUrl(settings, side, owner), side);
}

/** The part of `prepareDatabase` that is one database's alone. */
export async function prepareTables(administratorUrl: string, ownerUrl: string, side: DatabaseSide): Promise<void> {
  await asAdministrator(administratorUrl, async (client) => {
    const { owner } = databaseRoles[side];
    if (side === 'cube') await endMigrator(client, owner);
    await giveToOwner(client, side);
    if (side === 'cube' && (await ledgerVersion(client)) < knownLedgerVersion())
      await asMigrator(client, owner, ownerUrl, (url) => upgradeLedger(url));
    await grantRights(client, side);
  });
}

/** Gives the programs their rights on legacy's tables, which may have come after the server. */
export async function grantOnLegacy(server: PostgresServer): Promise<void> {
  await asAdministrator(await administratorsUrl(server, databaseRoles.legacy.database), (client) =>
    grantRights(client, 'legacy'),
  );
}

async function asAdministrator(url: string | undefined, work: (client: pg.Client) => Promise<void>): Promise<void> {
  if (url === undefined) throw new Failure('unexpected', 'An embedded database does not know its administrator.');
  const client = await connectClient(url, { applicationName: 'cubeshift up' });
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
