import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Side } from '../domain/side.js';
import { type Databases, dropConnection } from './databases.js';

/** How long a step may take from the stop signal to its next commit. */
const graceMillis = 300;
/** A step may begin another statement before it checks whether it is to stop. */
const againMillis = 200;

/** Databases of one step: once its signal is aborted, no statement of it runs on. */
export interface CancellableDatabases {
  readonly databases: Databases;
  /** After the step has ended, however it did. */
  readonly release: () => void;
}

/**
 * Cancels the running statements of a step that has not ended within a moment of its stop signal: a statement may wait
 * for a lock, or take minutes. It fails with SQLSTATE 57014 then, and its transaction is taken back; what was committed
 * is what the next attempt continues from.
 */
export function cancellable(databases: Databases, signal: AbortSignal): CancellableDatabases {
  const lent: Record<Side, Set<pg.ClientBase>> = { legacy: new Set(), cube: new Set() };
  const over = new AbortController();
  const lend = <Client extends pg.ClientBase>(side: Side, client: Client) => {
    lent[side].add(client);
    return client;
  };
  const poolOf = (side: Side) => {
    const pool = databases[side];
    const connect = async () => lendPooled(await pool.connect());
    const lendPooled = (client: pg.PoolClient) => {
      const { release } = client;
      client.release = (broken) => {
        client.release = release;
        lent[side].delete(client);
        // A cancellation that is on its way must not meet a statement of the connection's next user.
        release.call(client, broken ?? signal.aborted);
      };
      return lend(side, client);
    };
    const query = async (...given: Parameters<pg.Pool['query']>) => {
      const client = await connect();
      let broken: boolean | undefined;
      try {
        return await client.query(...given);
      } catch (error) {
        // As a pool does it; an error of the server leaves a connection as good as it was.
        broken = !(error instanceof pg.DatabaseError);
        throw error;
      } finally {
        client.release(broken);
      }
    };
    return new Proxy(pool, {
      get: (target, name) => {
        if (name === 'connect') return connect;
        return name === 'query' ? query : Reflect.get(target, name, target);
      },
    });
  };
  const onAbort = () => void cancelUntil(over.signal, databases, lent);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    databases: {
      ...databases,
      legacy: poolOf('legacy'),
      cube: poolOf('cube'),
      connect: async (side, name) => {
        const client = lend(side, await databases.connect(side, name));
        client.once('end', () => lent[side].delete(client));
        return client;
      },
    },
    release: () => {
      over.abort();
      signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Cancels again and again what runs on the connections, by one of its own on each side, until `over` is aborted. */
async function cancelUntil(
  over: AbortSignal,
  databases: Databases,
  lent: Readonly<Record<Side, ReadonlySet<pg.ClientBase>>>,
): Promise<void> {
  const pause = (millis: number) => sleep(millis, undefined, { signal: over }).catch(() => undefined);
  await pause(graceMillis);
  const connectAsLoggedIn = async (side: Side) => {
    const client = await databases.connect(side, 'cubeshift cancellation');
    // A role may be set to become another one at its login; sessions belong to the one that logs in, which may stop its own.
    await client.query('set role none').catch(async (error: unknown) => {
      await dropConnection(client);
      throw error;
    });
    return client;
  };
  const cancelAt = async (side: Side) => {
    let canceller: pg.Client | undefined;
    while (!over.aborted) {
      try {
        const pids = [...lent[side]].flatMap((client) => processIdOf(client) ?? []);
        if (pids.length > 0) {
          canceller ??= await connectAsLoggedIn(side);
          await canceller.query('select pg_cancel_backend(pid) from unnest($1::int[]) as pid', [pids]);
        }
      } catch {
        // The server is away, and its statements with it; or it comes back, and the cancellation is sent again.
        if (canceller !== undefined) await dropConnection(canceller);
        canceller = undefined;
      }
      await pause(againMillis);
    }
    if (canceller !== undefined) await dropConnection(canceller);
  };
  await Promise.all([cancelAt('legacy'), cancelAt('cube')]);
}

/** What the server calls a session; the driver keeps it and does not declare it. */
function processIdOf(client: pg.ClientBase): number | undefined {
  const { processID }: { processID?: unknown } = Object(client);
  return typeof processID === 'number' ? processID : undefined;
}
