import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { finalizeBatches } from '../../src/postgres/ledger/run-state.js';
import { damageableRow } from '../support/damages.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { RowsRun } from '../support/rows-run.js';

let databases: TestDatabases;
let run: RowsRun;
let runs = 0;
let kept: readonly string[];

beforeAll(async () => {
  databases = await createDatabases(300);
  const sound = await databases.legacy.query<{ id: string }>(
    `select id from saju_records where ${damageableRow} order by id`,
  );
  const ids = sound.rows.map(({ id }) => id).filter((id) => !databases.rejected.has(id));
  kept = [ids[2] ?? '', ids.at(-3) ?? ''];
});
beforeEach(async () => {
  run = await RowsRun.open(databases, `undone-${++runs}`);
  await run.copy();
});
afterEach(async () => {
  await release();
  await run.rollBack();
  await run.close();
  expect(await thereNow()).toEqual([]);
});
afterAll(() => databases.drop());

async function thereNow(): Promise<readonly string[]> {
  const found = await databases.cube.query<{ id: string }>('select id from saju.charts order by id');
  return found.rows.map(({ id }) => id);
}

/** What keeps rows of these ids in the table, or brings them back. */
const keepers: Readonly<Record<string, (ids: string) => string>> = {
  'a BEFORE DELETE trigger that returns NULL': (ids) =>
    `create function saju.keep() returns trigger language plpgsql as
       $$ begin if old.id in (${ids}) then return null; end if; return old; end $$;
     create trigger keep before delete on saju.charts for each row execute function saju.keep()`,
  'a trigger that inserts them again': (ids) =>
    `create function saju.keep() returns trigger language plpgsql as
       $$ begin if old.id in (${ids}) then insert into saju.charts select old.*; end if; return null; end $$;
     create trigger keep after delete on saju.charts for each row execute function saju.keep()`,
  'a trigger that inserts them again at the commit': (ids) =>
    `create function saju.keep() returns trigger language plpgsql as
       $$ begin if old.id in (${ids}) then insert into saju.charts select old.*; end if; return null; end $$;
     create constraint trigger keep after delete on saju.charts deferrable initially deferred
       for each row execute function saju.keep()`,
  'a rule that does nothing instead': (ids) =>
    `create function saju.keep() returns int language sql return 1;
     create rule keep as on delete to saju.charts where old.id in (${ids}) do instead nothing`,
};

async function release(): Promise<void> {
  await databases.cube.query('drop rule if exists keep on saju.charts; drop function if exists saju.keep cascade');
}

const stillThere = (ids: readonly string[]) =>
  `${ids.length} rows of saju.charts are still there after they were deleted: id ${ids.join(', ')}.`;

describe.each(Object.entries(keepers))('rows that %s keeps', (_, keep) => {
  test('are named by a rollback, which ends as not undone and goes on to own them alone', async () => {
    await databases.cube.query(keep(kept.join(',')));
    await expect(run.rollBack()).rejects.toMatchObject({ type: 'undo_incomplete', message: stillThere(kept) });
    expect(await thereNow()).toEqual(kept);
    const owned = await databases.cube.query(
      `select sum(migrated)::int as migrated, range_agg(ids) as ids from ledger.batches where kind = 'saju-records' and state = 'owned'`,
    );
    expect(owned.rows).toEqual([{ migrated: 2, ids: `{${kept.map((id) => `[${id},${Number(id) + 1})`).join(',')}}` }]);
  });

  test('are named by a repair that takes out what legacy does not have, and stay ours', async () => {
    const [id = ''] = kept;
    await databases.legacy.query('create table aside as select * from saju_records where id = $1'.replace('$1', id));
    await databases.legacy.query('delete from saju_records where id = $1', [id]);
    try {
      await run.verify();
      await databases.cube.query(keep(kept.join(',')));
      await expect(run.repair()).rejects.toMatchObject({ type: 'undo_incomplete', message: stillThere([id]) });
      expect((await run.verify()).found).toEqual([`${id} extra row`]);
      await release();
      await run.repair();
      expect(await run.verify()).toMatchObject({ clean: true });
    } finally {
      await databases.legacy.query('insert into saju_records select * from aside; drop table aside');
    }
  });
});

test('a row that cannot be replaced, since the old one stays, is named and no reject', async () => {
  const [id = ''] = kept;
  await databases.cube.query("update saju.charts set user_id = 'changed' where id = $1", [id]);
  await run.verify();
  await databases.cube.query(keepers['a BEFORE DELETE trigger that returns NULL']?.(id) ?? '');
  await expect(run.repair()).rejects.toMatchObject({ type: 'undo_incomplete', message: stillThere([id]) });
  expect(await run.verify()).toMatchObject({ clean: false, found: [`${id} user_id`], rejected: 3 });
});

test('rows that a run cannot clear before it copies over them are named', async () => {
  await databases.cube.query("update saju.charts set user_id = 'changed'");
  await databases.cube.query("update ledger.migrations set status = 'cancelled', finished_at = now() where id = $1", [
    run.id,
  ]);
  await databases.cube.query(keepers['a trigger that inserts them again at the commit']?.(kept.join(',')) ?? '');
  const next = await RowsRun.open(databases, `undone-${++runs}`);
  await run.close();
  run = next;
  await expect(run.copy({ adopts: true })).rejects.toMatchObject({
    type: 'undo_incomplete',
    message: stillThere(kept),
  });
});

test('rows that the ledger does not hand over are no completed migration', async () => {
  await databases.cube.query(`create function saju.keep() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger keep before update on ledger.batches for each row execute function saju.keep()`);
  await expect(finalizeBatches(databases.cube, { migrationId: run.id, sequence: 1 })).rejects.toThrow(/still owned/);
  // Nor is a rollback one that cannot write down what it removed.
  await expect(run.rollBack()).rejects.toMatchObject({ type: 'undo_incomplete' });
});

test('a rollback of rows that were handed over already says that they stay', async () => {
  const there = await thereNow();
  const owned = 'update ledger.batches set state = $2 where migration_id = $1 and state = any ($3)';
  await databases.cube.query(owned, [run.id, 'final', ['owned']]);
  await expect(run.rollBack()).rejects.toMatchObject({
    type: 'undo_incomplete',
    message: `${there.length} rows of this migration were handed over for good and stay.`,
  });
  expect(await thereNow()).toEqual(there);
  await databases.cube.query(owned, [run.id, 'owned', ['final']]);
});
