import type pg from 'pg';
import { toFailure } from '../base/failures.js';
import type { Side } from '../domain/side.js';
import { connectClient, connectMillis, createPool } from './connect.js';
import { databaseOf, inspectDatabase } from './diagnosis.js';
import { postgresFailure } from './errors.js';

/** Both databases of a migration: pools for short statements, and connections of their own for streams. */
export interface Databases {
  readonly legacy: pg.Pool;
  readonly cube: pg.Pool;
  /** A connection that the caller ends. Throws the failures of its side. */
  connect(side: Side, applicationName: string): Promise<pg.Client>;
  /** Connects to a side once; throws why that cannot be done, in a sentence for a person. */
  checkReachable(side: Side): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseUrls {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
}

/** `connections` is how many short statements may run at a time on each side. */
export function openDatabases(urls: DatabaseUrls, applicationName: string, connections: number): Databases {
  const pools: Record<Side, pg.Pool> = {
    // The engine never writes there: with this it could not by mistake.
    legacy: createPool(urls.legacyUrl, { applicationName, max: connections, readOnly: true }),
    cube: createPool(urls.cubeUrl, { applicationName, max: connections }),
  };
  const addresses: Record<Side, string> = { legacy: urls.legacyUrl, cube: urls.cubeUrl };
  return {
    ...pools,
    connect: (side, name) =>
      atSide(side, () =>
        connectClient(addresses[side], {
          applicationName: name,
          // Rows that are written into the cube's tables set off the triggers these have.
          ...(side === 'legacy' ? { readOnly: true } : { runsForeignCode: true }),
        }),
      ),
    checkReachable: (side) => inspectDatabase(databaseOf(side, addresses[side]), async () => undefined, connectMillis),
    close: async () => {
      await Promise.all([pools.legacy.end(), pools.cube.end()]);
    },
  };
}

/** Runs work on one side's database; what it throws leaves as that side's failures. */
export async function atSide<T>(side: Side, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toFailure(error, postgresFailure(side));
  }
}

/** Ends a connection at once, whatever runs on it: the server takes back what was not committed. */
export async function dropConnection(client: pg.Client): Promise<void> {
  await client.end().catch(() => undefined);
}
