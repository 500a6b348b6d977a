import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { Failure, toFailure } from '../../base/failures.js';
import { packageRoot } from '../../base/package-root.js';
import { connectClient } from '../connect.js';
import { postgresFailure } from '../errors.js';

/** Numbered migrations, only ever added; shipped with the compiled program. */
const migrationsFolder = join(packageRoot(), 'migrations');

/** The ledger version this program knows: the number of its newest migration. */
export function knownLedgerVersion(folder: string = migrationsFolder): number {
  const numbers = readdirSync(folder).map((name) => Number.parseInt(name, 10));
  return Math.max(0, ...numbers.filter((number) => Number.isInteger(number)));
}

/** How an upgrade waits for tables that others write to. */
interface UpgradePatience {
  /** How long one attempt waits for a lock: every writer that comes meanwhile waits behind it. */
  readonly lockMillis: number;
  readonly pauseMillis: number;
  readonly maxAttempts: number;
}

/** A minute and a half, in which writers are held up for at most a second at a time. */
const defaultPatience: UpgradePatience = { lockMillis: 1000, pauseMillis: 2000, maxAttempts: 30 };

/**
 * Brings the ledger of the cube database to this program's version. Safe to call from many programs at once
 * (an advisory lock lets one at a time through) and on a ledger that is newer: migrations expand first, so a newer
 * ledger is left as it is; `checkLedgerVersion` says whether this program may still work on it. On a ledger at work it gives way to
 * the writers, and tries again; throws `database_overloaded` after the last attempt.
 */
export async function upgradeLedger(
  url: string,
  folder: string = migrationsFolder,
  patience: UpgradePatience = defaultPatience,
): Promise<void> {
  const client = await connectClient(url, { applicationName: 'cubeshift ledger upgrade' }).catch((error: unknown) => {
    throw toFailure(error, postgresFailure('cube'));
  });
  try {
    // node-pg-migrate's own lock fails at once when another program migrates; this one waits for its turn.
    await client.query("select pg_advisory_lock(hashtextextended('cubeshift ledger upgrade', 0))");
    if ((await ledgerVersion(client)) >= knownLedgerVersion(folder)) return;
    await client.query("select set_config('lock_timeout', $1, false)", [String(patience.lockMillis)]);
    for (let attempt = 1; ; attempt++) {
      try {
        await migrateUp(client, folder);
        return;
      } catch (error) {
        if (!gaveWay(error) || attempt >= patience.maxAttempts) throw error;
      }
      await sleep(patience.pauseMillis);
    }
  } catch (error) {
    throw toFailure(error, postgresFailure('cube'));
  } finally {
    await client.end().catch(ignore);
  }
}

/** All that are missing, or none: in one transaction. */
async function migrateUp(client: pg.Client, folder: string): Promise<void> {
  await runner({
    dbClient: client,
    dir: folder,
    direction: 'up',
    migrationsSchema: 'ledger',
    createMigrationsSchema: true,
    migrationsTable: 'schema_versions',
    singleTransaction: true,
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
}

/** Whether the server ended a statement in favour of others: a deadlock, or a lock that was not free in time. */
function gaveWay(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40P01' || error.code === '55P03');
}

/** The version the ledger has in the database; 0 when there is none. */
export async function ledgerVersion(client: pg.ClientBase | pg.Pool): Promise<number> {
  const exists = await client.query<{ exists: boolean }>(
    "select to_regclass('ledger.schema_versions') is not null as exists",
  );
  if (exists.rows[0]?.exists !== true) return 0;
  const names = await client.query<{ name: string }>('select name from ledger.schema_versions');
  return Math.max(0, ...names.rows.map((row) => Number.parseInt(row.name, 10)));
}

/** Throws `ledger_newer` when a newer program has changed the ledger: its rules may differ from this program's. */
export async function checkLedgerVersion(
  client: pg.ClientBase | pg.Pool,
  known: number = knownLedgerVersion(),
): Promise<void> {
  const found = await ledgerVersion(client);
  if (found > known) {
    throw new Failure(
      'ledger_newer',
      `The ledger is at version ${found}, this program knows it up to version ${known}.`,
    );
  }
}

/** `checkLedgerVersion`, to be called before each step: a program that was started long ago may have been overtaken. */
export function createLedgerCheck(cube: pg.Pool): () => Promise<void> {
  const known = knownLedgerVersion();
  return () => checkLedgerVersion(cube, known);
}

function ignore(): void {}
