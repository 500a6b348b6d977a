import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { type Damage, type DamagedIds, damageableRow, damages } from '../support/damages.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { RowsRun } from '../support/rows-run.js';

let databases: TestDatabases;
let run: RowsRun;
let sound: string[];
let holes: string[];

beforeAll(async () => {
  databases = await createDatabases(3000);
  run = await RowsRun.open(databases, 'damaged');
  // More batches than are looked at in one span of the last count.
  await run.copy({ batchRows: 10 });
  const rows = await databases.legacy.query<{ id: string }>(
    `select id from saju_records where ${damageableRow} order by id`,
  );
  sound = rows.rows.map((row) => row.id).filter((id) => !databases.rejected.has(id));
  const free = await databases.legacy.query<{ id: string }>(
    'select id + 1 as id from saju_records r where not exists (select 1 from saju_records n where n.id = r.id + 1) order by id',
  );
  holes = free.rows.map((row) => row.id);
});
afterAll(async () => {
  await run.close();
  await databases.drop();
});

function take(ids: string[]): string {
  const id = ids.shift();
  if (id === undefined) throw new Error('the generated rows do not suffice for every damage');
  return id;
}

function idsFor(): DamagedIds {
  return { id: take(sound), other: take(sound), hole: take(holes) };
}

test('an undamaged copy is clean, and every row of the source is accounted for', async () => {
  const { clean, compared, rejected, found } = await run.verify();
  expect({ clean, compared, rejected, found }).toEqual({ clean: true, compared: 2970, rejected: 30, found: [] });
});

describe('the last count of both whole tables', () => {
  /** Holds the target as a statement does that takes long, while `meanwhile` runs. */
  async function whileTargetIsHeld(meanwhile: () => Promise<unknown>): Promise<void> {
    const holder = await databases.cube.connect();
    try {
      await holder.query('begin; lock table saju.charts in access exclusive mode');
      await meanwhile();
    } finally {
      await holder.query('rollback');
      holder.release();
    }
  }
  const isCounting = () =>
    until('the count to wait for the target', async () => {
      const waiting = await databases.cube.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and application_name like 'cubeshift claim %'
            and datname = current_database()`,
      );
      return waiting.rowCount === 1;
    });

  test('holds nothing that a pause waits for, reports its progress, and is made once', async () => {
    const verificationId = await run.startVerification();
    await run.goOnVerifying(verificationId);
    const told: bigint[] = [];
    let concluding: ReturnType<typeof run.conclude> | undefined;
    await whileTargetIsHeld(async () => {
      concluding = run.conclude(verificationId, ({ position }) => told.push(position));
      await isCounting();
      const pausing = await databases.cube.connect();
      await pausing.query("set lock_timeout = '2s'");
      await pausing.query('update ledger.migrations set pending = null where id = $1', [run.id]);
      pausing.release(true);
    });
    const verdict = await concluding;
    expect(verdict).toMatchObject({ clean: true, compared: 2970 });
    // One span of legacy; then the target's, of a hundred batches each.
    const spans = told.slice(1);
    expect(spans.length).toBeGreaterThanOrEqual(3);
    expect(spans).toEqual([...spans].sort((a, b) => (a < b ? -1 : 1)));
    await whileTargetIsHeld(async () => expect(await run.conclude(verificationId)).toEqual(verdict));
  });

  test('is left off at once when it is aborted, and decides nothing under a claim that was lost', async () => {
    const verificationId = await run.startVerification();
    await run.goOnVerifying(verificationId);
    await whileTargetIsHeld(async () => {
      const abort = new AbortController();
      const aborted = run.conclude(verificationId, () => undefined, abort.signal);
      aborted.catch(() => undefined);
      await isCounting();
      abort.abort();
      await expect(aborted).rejects.toMatchObject({ type: 'cube_unreachable' });
    });
    let late: ReturnType<typeof run.conclude> | undefined;
    await whileTargetIsHeld(async () => {
      late = run.conclude(verificationId);
      late.catch(() => undefined);
      await isCounting();
      await databases.cube.query(
        "update ledger.migrations set operation_token = nextval('ledger.claim_tokens') where id = $1",
        [run.id],
      );
    });
    await expect(late).rejects.toMatchObject({ type: 'claim_lost' });
    const open = await databases.cube.query('select from ledger.verifications where id = $1 and finished_at is null', [
      verificationId,
    ]);
    expect(open.rowCount).toBe(1);
  });
});

describe('finds each damage alone, names id and field, and is clean again after a repair:', () => {
  test.each(damages.map((damage): [string, Damage] => [damage.name, damage]))('%s', async (_, damage) => {
    const ids = idsFor();
    await damage.inflict(databases, ids);
    const verdict = await run.verify();
    const expected = damage.found(ids);
    expect(verdict.clean).toBe(false);
    expect(verdict.mismatched).toBe(new Set(expected.map((entry) => entry.split(' ')[0])).size);
    if (damage.name === 'two rows swapped') expect(verdict.found).toEqual(expect.arrayContaining([...expected]));
    else expect(verdict.found).toEqual([...expected]);
    await run.repair();
    expect((await run.verify()).found).toEqual([]);
    await expectTargetEqualsSource(databases);
  });
});

describe('a row that is another one in whole reads, and itself when it is looked at alone,', () => {
  /** The run's databases, with a row of legacy that changes for so many whole reads of its range. */
  function flickering(id: string, times: number): typeof run.databases {
    let left = times;
    const legacy = new Proxy(run.databases.legacy, {
      get(pool, name) {
        const value: unknown = Reflect.get(pool, name);
        if (name !== 'query') return typeof value === 'function' ? value.bind(pool) : value;
        return async (text: string, values: readonly string[]) => {
          const isWithin = ([after = '0', upto = '0']: readonly string[]) =>
            BigInt(after) < BigInt(id) && BigInt(id) <= BigInt(upto);
          const isItsRange = text.includes('string_agg') && isWithin(values);
          if (!isItsRange || left-- <= 0) return pool.query(text, [...values]);
          await databases.legacy.query("update saju_records set user_id = user_id || 'x' where id = $1", [id]);
          const found = await pool.query(text, [...values]);
          await databases.legacy.query('update saju_records set user_id = left(user_id, -1) where id = $1', [id]);
          return found;
        };
      },
    });
    return { ...run.databases, legacy };
  }

  test('is equal when the whole range is read again and found equal', async () => {
    expect(await run.verify(flickering(take(sound), 2))).toMatchObject({ clean: true, found: [] });
  });

  test('is not equal while no whole read says so', async () => {
    expect(await run.verify(flickering(take(sound), 3))).toMatchObject({ clean: false, mismatched: 1, found: [] });
    expect(await run.verify()).toMatchObject({ clean: true });
  });
});

test('a rejected row that is in the target all the same is found, though every field agrees', async () => {
  const refused = await databases.legacy.query<Record<string, unknown>>(
    `select id, user_id, jsonb_build_object('year', birth_year, 'month', birth_month, 'day', birth_day, 'hour', birth_hour,
              'minute', coalesce(birth_minute, 0), 'solar_calendar', is_solar, 'leap_month', coalesce(is_leap_month, false)) as birth_info,
            jsonb_build_object('year_pillar', year_pillar, 'month_pillar', month_pillar, 'day_pillar', day_pillar, 'hour_pillar', hour_pillar) as saju_chart,
            convention::text as convention, interpretation, created_at::text as created_at, updated_at::text as updated_at
       from saju_records where birth_hour = 24 limit 1`,
  );
  const row = refused.rows[0] ?? {};
  await databases.cube.query('insert into saju.charts values ($1, $2, $3, $4, $5, $6, $7, $8)', Object.values(row));
  expect(await run.verify()).toMatchObject({ clean: false, mismatched: 1, found: [`${row.id} extra row`] });
  await run.repair();
  expect(await run.verify()).toMatchObject({ clean: true, rejected: 30 });
  await expectTargetEqualsSource(databases);
});

test('a rejected row that was deleted in legacy is found, since the counts no longer add up', async () => {
  const [id] = databases.rejected.keys();
  await databases.legacy.query('delete from saju_records where id = $1', [id]);
  expect(await run.verify()).toMatchObject({ clean: false, mismatched: 1, found: [`${id} rejected row`] });
  await run.repair();
  expect(await run.verify()).toMatchObject({ clean: true, rejected: 29 });
});

test('counts every differing row and keeps the values of the first thousand', async () => {
  await databases.cube.query("update saju.charts set user_id = user_id || '!'");
  const all = await databases.cube.query<{ count: number }>('select count(*)::int as count from saju.charts');
  const verdict = await run.verify();
  expect(verdict.mismatched).toBe(all.rows[0]?.count);
  expect(verdict.found.length).toBeGreaterThanOrEqual(1000);
  await run.repair();
  expect((await run.verify()).clean).toBe(true);
});
