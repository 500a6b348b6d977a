import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { until } from '../support/conditions.js';
import { NewKindStack } from '../support/new-kind-stack.js';

/**
 * The bulk worker is killed inside the step of an item, inside the undo of one, and between the two tables of a kind: there is one worker,
 * and a lock on a table of the cube keeps it where it is until it is dead.
 */
const limit = 300_000;
const talismans = 30;
let stack: NewKindStack;
const held: Held[] = [];

beforeAll(async () => {
  stack = await NewKindStack.start(talismans);
}, limit);
// A test that fails leaves no lock to the next.
afterEach(() => Promise.all(held.map((one) => one.release())));
afterAll(() => stack?.stop(), limit);

test('a worker killed between two tables, and inside an item’s step, leaves a run that ends whole', {
  timeout: limit,
}, async () => {
  const orders = await Held.hold(stack, 'talisman_orders');
  const drawings = await Held.hold(stack, 'drawings');
  await stack.cubeshift('migrate', 'start', 'talismans', '--id', 'killed');
  await orders.untilMet();
  expect(await counts()).toEqual({ talismans: talismans - 2, orders: 0, drawings: 0, published: 0 });
  await killWorker();
  await orders.release();

  await drawings.untilMet();
  expect(await stepsIn('begun')).toBeGreaterThan(0);
  await killWorker();
  await drawings.release();
  expect(await rested()).toMatchObject({ status: 'waiting', stage: 'verified', verification: { status: 'clean' } });
  expect(await counts()).toEqual(whole(talismans - 5));
  expect(await stepsIn('begun')).toBe(0);
});

test('a worker killed while a repair undoes an item whose row leaves loses neither', { timeout: limit }, async () => {
  await stack.legacy.query('delete from talisman_orders where talisman_id = 20');
  await stack.legacy.query('delete from talismans where id = 20');
  expect(await stack.rest('verify', 'killed')).toMatchObject({ status: 'blocked' });
  const drawings = await Held.hold(stack, 'drawings');
  await stack.cubeshift('migrate', 'repair', 'killed');
  await drawings.untilMet();
  // The row has not left before its item is undone.
  expect((await stack.cube.query('select from crawler.talismans where id = 20')).rowCount).toBe(1);
  await killWorker();
  await drawings.release();
  expect(await rested()).toMatchObject({ status: 'waiting', verification: { status: 'clean' } });
  expect(await counts()).toEqual(whole(talismans - 6));
  const states = await stack.cube.query('select distinct state from ledger.items where item_id = 20');
  expect(states.rows).toEqual([{ state: 'undone' }]);
});

test('a worker killed inside the undo of an item, and between two tables of a removal, leaves nothing behind', {
  timeout: limit,
}, async () => {
  const drawings = await Held.hold(stack, 'drawings');
  const rows = await Held.hold(stack, 'talismans');
  await stack.cubeshift('migrate', 'rollback', 'killed');
  await drawings.untilMet();
  await killWorker();
  await drawings.release();

  await rows.untilMet();
  expect(await counts()).toEqual({ talismans: talismans - 6, orders: 0, drawings: 0, published: 0 });
  await killWorker();
  await rows.release();
  expect(await rested()).toMatchObject({ status: 'rolled_back' });
  expect(await counts()).toEqual({ talismans: 0, orders: 0, drawings: 0, published: 0 });
  const states = await stack.cube.query('select distinct state from ledger.items');
  expect(states.rows).toEqual([{ state: 'undone' }]);
});

/** A table of the cube that no other session writes until it is released. */
class Held {
  private constructor(
    private readonly table: string,
    private readonly client: pg.Client,
  ) {}

  static async hold({ env }: NewKindStack, name: string): Promise<Held> {
    const client = new pg.Client({ connectionString: env.CUBE_DATABASE_URL });
    await client.connect();
    const table = `crawler.${name}`;
    await client.query(`begin; lock table ${table} in share mode`);
    const lock = new Held(table, client);
    held.push(lock);
    return lock;
  }

  /** Until a session waits to write the table. */
  async untilMet(): Promise<void> {
    await until(
      `a session to wait for ${this.table}`,
      async () => {
        const waiting = await stack.cube.query('select from pg_locks where relation = $1::regclass and not granted', [
          this.table,
        ]);
        return waiting.rowCount !== 0;
      },
      90_000,
    );
  }

  async release(): Promise<void> {
    await this.client.end();
  }
}

/** With SIGKILL; the stack starts it again. */
async function killWorker(): Promise<void> {
  const listed = JSON.parse((await stack.cubeshift('ps', '--json')).stdout) as { name: string; pid: number }[];
  const workers = listed.filter(({ name }) => name.startsWith('worker-bulk'));
  expect(workers).toHaveLength(1);
  for (const { pid } of workers) process.kill(pid, 'SIGKILL');
}

async function rested(): Promise<MigrationView> {
  const { stdout, stderr } = await stack.cubeshift('migrate', 'watch', 'killed', '--json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as MigrationView;
}

function whole(count: number): Readonly<Record<string, number>> {
  return { talismans: count, orders: 3 * count, drawings: count, published: count };
}

async function counts(): Promise<Readonly<Record<string, number>>> {
  const found = await stack.cube.query<{ [name: string]: number }>(`
    select (select count(*) from crawler.talismans)::int as talismans,
           (select count(*) from crawler.talisman_orders)::int as orders,
           (select count(*) from crawler.drawings)::int as drawings,
           (select count(published_at) from crawler.drawings)::int as published`);
  return found.rows[0] ?? {};
}

async function stepsIn(state: string): Promise<number> {
  const found = await stack.cube.query<{ steps: number }>(
    'select count(*)::int as steps from ledger.items where state = $1',
    [state],
  );
  return found.rows[0]?.steps ?? 0;
}
