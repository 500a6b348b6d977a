import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failures.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { RowsRun } from '../support/rows-run.js';

const rangeRows = 1000;
let databases: TestDatabases;
let run: RowsRun;
let ids: string[];
let runs = 0;

beforeAll(async () => {
  databases = await createDatabases(3000);
  const rows = await databases.legacy.query<{ id: string }>('select id from saju_records order by id');
  ids = rows.rows.map((row) => row.id);
});
beforeEach(async () => {
  run = await RowsRun.open(databases, `refused-${++runs}`);
});
afterEach(async () => {
  await run.rollBack();
  await run.close();
});
afterAll(() => databases.drop());

/** The id at a place of the source, or the next one that the transform itself does not reject. */
function goodAt(place: number, step = 1): string {
  for (let at = place; at >= 0 && at < ids.length; at += step) {
    const id = ids[at] ?? '';
    if (!databases.rejected.has(id)) return id;
  }
  throw new Error(`there is no good row at ${place}`);
}

const refusals = {
  'a CHECK constraint': {
    add: (list: string) => `alter table saju.charts add constraint not_these check (id not in (${list}))`,
    drop: 'alter table saju.charts drop constraint not_these',
    detail: 'SQLSTATE 23514, constraint not_these',
  },
  'a trigger': {
    add: (list: string) => `create function saju.refuse() returns trigger language plpgsql as
      $$ begin if new.id in (${list}) then raise exception 'no, and here is the row: %', new; end if; return new; end $$;
      create trigger refuse before insert on saju.charts for each row execute function saju.refuse()`,
    drop: 'drop function saju.refuse cascade',
    detail: 'SQLSTATE P0001',
  },
  'a trigger that waits for the commit': {
    add: (list: string) => `create function saju.refuse() returns trigger language plpgsql as
      $$ begin if new.id in (${list}) then raise exception 'no' using errcode = '22023'; end if; return null; end $$;
      create constraint trigger refuse after insert on saju.charts deferrable initially deferred
        for each row execute function saju.refuse()`,
    drop: 'drop function saju.refuse cascade',
    detail: 'SQLSTATE 22023',
  },
} as const;

const places: readonly (readonly [name: string, places: () => string[]])[] = [
  ['one row', () => [goodAt(1700)]],
  ['two adjacent rows', () => [goodAt(1501), goodAt(1502)]],
  ['the first and the last row of a range', () => [goodAt(rangeRows), goodAt(2 * rangeRows - 1, -1)]],
  ['the first and the last row of all', () => [goodAt(0), goodAt(2999, -1)]],
  ['ten scattered rows', () => Array.from({ length: 10 }, (_, turn) => goodAt(137 + 287 * turn))],
];

for (const [refuser, { add, drop, detail }] of Object.entries(refusals)) {
  describe(`rows that ${refuser} refuses are rejected, and no other row:`, () => {
    test.each(refuser === 'a CHECK constraint' ? places : places.slice(-1))('%s', async (_, pick) => {
      const refused = [...new Set(pick())];
      await databases.cube.query(add(refused.join(',')));
      try {
        const moved = await run.copy({ rangeRows, commitRows: 2000 });
        expect(moved).toEqual({ migrated: 2970 - refused.length, rejected: 30 + refused.length });
        const found = await databases.cube.query(
          `select source_id as id, detail, attempts, payload ->> 'id' as payload_id from ledger.rejects
            where migration_id = $1 and reason = 'refused_by_target' order by source_id`,
          [run.id],
        );
        expect(found.rows).toEqual(refused.map((id) => ({ id, detail, attempts: 1, payload_id: id })));
        expect(await run.verify()).toMatchObject({ clean: true, compared: 2970 - refused.length });
        await run.retryRejects();
        expect(await run.verify()).toMatchObject({ clean: true, compared: 2970 - refused.length });
      } finally {
        await databases.cube.query(drop);
      }
      await run.retryRejects();
      expect(await run.verify()).toMatchObject({ clean: true, compared: 2970, rejected: 30 });
      await expectTargetEqualsSource(databases);
    });
  });
}

/** Every class of the appendix (https://www.postgresql.org/docs/16/errcodes-appendix.html) that a trigger can raise, and two of somebody's own. */
const classes =
  `01 02 03 08 09 0A 0B 0F 0L 0P 0Z 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57
  58 72 F0 HV P0 XX U7 ZZ`.split(/\s+/);
const serversOwn = '08 0A 25 26 28 3D 3F 40 42 53 55 57 58 F0 XX'.split(' ');

/** A trigger that raises, for each of these ids, the state beside it. */
async function raiseFor(states: ReadonlyMap<string, string>): Promise<void> {
  const pairs = [...states].map(([id, state]) => `when ${id} then '${state}'`).join(' ');
  await databases.cube.query(`create function saju.refuse() returns trigger language plpgsql as
    $$ begin
      if new.id in (${[...states.keys()].join(',')}) then
        raise exception 'no, and here is the row: %', new using errcode = case new.id ${pairs} end;
      end if;
      return new;
    end $$;
    create trigger refuse before insert on saju.charts for each row execute function saju.refuse()`);
}

test('a state of any class but the server’s own that a trigger raises refuses that row', async () => {
  const refusing = classes.filter((name) => !serversOwn.includes(name)).map((name) => `${name}77Z`);
  const states = new Map(refusing.map((state, place) => [goodAt(70 * place + 5), state]));
  expect(states.size).toBe(refusing.length);
  await raiseFor(states);
  await run.copy({ rangeRows, commitRows: 16 });
  const found = await databases.cube.query<{ id: string; detail: string }>(
    `select source_id as id, detail from ledger.rejects where migration_id = $1 and reason = 'refused_by_target'`,
    [run.id],
  );
  expect(new Map(found.rows.map(({ id, detail }) => [id, detail]))).toEqual(
    new Map([...states].map(([id, state]) => [id, `SQLSTATE ${state}`])),
  );
  await databases.cube.query('drop function saju.refuse cascade');
  await run.retryRejects();
  expect(await run.verify()).toMatchObject({ clean: true, compared: 2970, rejected: 30 });
});

test('a state of the server’s own classes stops the step, whatever raises it, and is named', async () => {
  for (const name of serversOwn) {
    await raiseFor(new Map([[goodAt(0), `${name}77Z`]]));
    const error = await run.copy({ rangeRows, commitRows: 100 }).catch((thrown: unknown) => thrown);
    await databases.cube.query('drop function saju.refuse cascade');
    expect(error, name).toBeInstanceOf(Failure);
    expect(error, name).toMatchObject({ retryable: true, message: expect.stringContaining(`SQLSTATE ${name}77Z`) });
  }
  const kept = await databases.cube.query(
    "select from ledger.rejects where reason = 'refused_by_target' and migration_id = $1",
    [run.id],
  );
  expect(kept.rowCount).toBe(0);
});

test('a range of which the last row fills a transaction is finished by it', async () => {
  expect(await run.copy({ rangeRows: 1000, commitRows: 500 })).toEqual({ migrated: 2970, rejected: 30 });
  expect(await run.verify()).toMatchObject({ clean: true, compared: 2970, rejected: 30 });
});

test('adjacent rows that fill batches and that the target refuses are rejected one by one, and the rest is carried', async () => {
  const refused = ids.slice(1000, 1040).filter((id) => !databases.rejected.has(id));
  await databases.cube.query(refusals['a CHECK constraint'].add(refused.join(',')));
  try {
    expect(await run.copy({ batchRows: 10 })).toEqual({
      migrated: 2970 - refused.length,
      rejected: 30 + refused.length,
    });
  } finally {
    await databases.cube.query(refusals['a CHECK constraint'].drop);
  }
  await run.retryRejects();
  expect(await run.verify()).toMatchObject({ clean: true, compared: 2970, rejected: 30 });
});
