import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { appendAudit, checkAudit, readAudit } from '../../src/postgres/audit.js';
import { createPool } from '../../src/postgres/connect.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { until } from '../support/conditions.js';
import { createDatabase, dropDatabase } from '../support/databases.js';
import { createRole, type TestRole } from '../support/roles.js';

/** The audit on a real database: added to by many, changed by nobody, and telling when somebody did. */
const name = `t${randomBytes(6).toString('hex')}`;
let url: string;
let pool: pg.Pool;
const newest = (2n ** 63n - 1n).toString();
const act = (place: number) => ({
  actor: 'operator',
  action: 'traffic.set',
  subject: 'saju',
  details: { percentage: place, enabled: true },
});

beforeAll(async () => {
  url = await createDatabase(inject('servers').cubeUrl, name);
  await upgradeLedger(url);
  pool = createPool(url, { applicationName: 'test', max: 8 });
});
beforeEach(() => tampering('delete from audit.entries'));
afterAll(async () => {
  await pool.end();
  await dropDatabase(inject('servers').cubeUrl, name);
});

/** What only the owner of the tables can do, with the trigger out of the way. */
async function tampering(statement: string, values: readonly unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("set session_replication_role = 'replica'");
    await client.query(statement, [...values]);
  } finally {
    await client.end();
  }
}

async function append(count: number): Promise<void> {
  for (let place = 1; place <= count; place++) await appendAudit(pool, act(place));
}

describe('an entry', () => {
  test('is read back as it was put on record, the newest first, a page at a time', async () => {
    await append(5);
    const [page, next] = [
      await readAudit(pool, { before: newest, limit: 3 }),
      await readAudit(pool, { before: '3', limit: 3 }),
    ];
    expect(page.map(({ seq }) => seq)).toEqual([5, 4, 3]);
    expect(next.map(({ seq }) => seq)).toEqual([2, 1]);
    expect(page[0]).toEqual({
      seq: 5,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      writer: new URL(url).username,
      ...act(5),
    });
  });

  test('may name anything: quotes, emoji, NUL, half a surrogate pair', async () => {
    const odd = `"';--\\ 🙂 \u0000 \ud800 사용자`;
    await appendAudit(pool, { actor: odd, action: odd, subject: odd, details: { odd, nested: { list: [odd] } } });
    const kept = `"';--\\ 🙂 \ufffd \ufffd 사용자`;
    expect(await readAudit(pool, { before: newest, limit: 1 })).toMatchObject([
      { actor: kept, subject: kept, details: { odd: kept, nested: { list: [kept] } } },
    ]);
    expect((await checkAudit(pool)).broken).toBeNull();
  });

  test.each(["update audit.entries set actor = 'nobody'", 'delete from audit.entries', 'truncate audit.entries'])(
    'is not touched by: %s',
    async (statement) => {
      await append(2);
      await expect(pool.query(statement)).rejects.toThrow('only ever added to');
      expect(await checkAudit(pool)).toMatchObject({ entries: 2, broken: null });
    },
  );

  test('has the hash that another program computes from the documented text', async () => {
    await append(2);
    const [second, first] = await readAudit(pool, { before: newest, limit: 2 });
    const found = await pool.query<{ details: string }>('select details::text from audit.entries where seq = 2');
    const parts = [`2`, `"${second?.at}"`, '"operator"', '"traffic.set"', '"saju"', found.rows[0]?.details];
    const text = `[${[...parts, `"${first?.hash}"`, `"${second?.writer}"`].join(', ')}]`;
    expect(createHash('sha256').update(text).digest('hex')).toBe(second?.hash);
  });
});

test('an empty audit is intact', async () => {
  expect(await checkAudit(pool)).toEqual({ entries: 0, head: null, broken: null });
});

describe('a program that has only the right to append', () => {
  let role: TestRole;
  let program: pg.Pool;

  beforeAll(async () => {
    role = await createRole(pool);
    await pool.query(
      `grant usage on schema audit to ${role.name};
       grant select on audit.entries to ${role.name};
       grant execute on function audit.append(text, text, text, jsonb) to ${role.name}`,
    );
    program = createPool(role.url(url), { applicationName: 'test', max: 2 });
  });
  afterAll(async () => {
    await program.end();
    await role.drop();
  });

  const highest = `(9223372036854775807, now(), 'x', 'x', 'x', '{}', 'x', 'x')`;
  test.each([
    ['put in the last entry that there can be', `insert into audit.entries values ${highest}`],
    ['change an entry', "update audit.entries set actor = 'x'"],
    ['take out an entry', 'delete from audit.entries'],
    ['empty it', 'truncate audit.entries'],
    ['hold its table', 'do $$ begin lock table audit.entries in share mode; end $$'],
    ['take the turn', 'select from audit.turn for update'],
    ['take the turn by its table', 'do $$ begin lock table audit.turn in access share mode; end $$'],
    ['change the turn', 'delete from audit.turn'],
    [
      'put itself in the way of what the function calls',
      'create function audit.clock_timestamp() returns int return 1',
    ],
  ])('cannot %s', async (_what, statement) => {
    await appendAudit(program, act(1));
    await expect(program.query(statement)).rejects.toMatchObject({ code: '42501' });
    await appendAudit(pool, act(2));
    expect(await checkAudit(pool)).toMatchObject({ entries: 2, broken: null });
  });

  test('is not heard where it holds an advisory lock, or shadows what the function uses', async () => {
    const client = await program.connect();
    try {
      await client.query("select pg_advisory_lock(hashtextextended('cubeshift audit', 0))");
      await client.query('create temporary table entries (seq bigint); set search_path = pg_temp, audit, pg_catalog');
      await client.query("select audit.append('a', 'b', 'c', '{}')");
      await appendAudit(pool, act(2));
    } finally {
      client.release(true);
    }
    expect(await checkAudit(pool)).toMatchObject({ entries: 2, broken: null });
  });

  test('appends no more at a time than an entry may hold', async () => {
    for (const too of [
      { ...act(1), subject: 'x'.repeat(2001) },
      { ...act(1), details: { why: 'x'.repeat(100_001) } },
    ])
      await expect(appendAudit(program, too)).rejects.toMatchObject({ code: '54000' });
  });

  test('does not say beforehand, in another program’s name, what that one has to say once', async () => {
    const once = { ...act(1), details: { once: 'claimed' } };
    const [claimed, told] = [await appendAudit(program, once), await appendAudit(pool, once)];
    expect(await appendAudit(pool, once)).toEqual(told);
    expect([claimed.seq, told.seq]).toEqual([1, 2]);
    const writers = (await readAudit(pool, { before: newest, limit: 2 })).map(({ writer }) => writer);
    expect(writers).toEqual([new URL(url).username, role.name]);
  });

  test('goes on appending when an administrator gives the audit to a role of its own', async () => {
    const owner = await createRole(pool);
    const [frozen, superuser] = [role.url(url), url].map((connectionString) => new pg.Client({ connectionString }));
    if (frozen === undefined || superuser === undefined) expect.fail('no clients');
    try {
      await pool.query(separateOwner(owner.name));
      await appendAudit(program, act(1));
      await appendAudit(program, act(2));
      expect(await checkAudit(pool)).toMatchObject({ entries: 2, broken: null });

      // Somebody who hangs with the chain in hand is ended; in the second statement of the same message it is never idle.
      const ended = new Promise((resolve) => frozen.once('error', resolve));
      await frozen.connect();
      const hanging = frozen.query("begin; select audit.append('a', 'b', 'c', '{}'); select pg_sleep(60)");
      hanging.catch(() => undefined);
      await until('the turn is held', async () => (await heldTurns()) === 1);
      expect(await appendAudit(program, act(3))).toMatchObject({ seq: 3 });
      await ended;
      await expect(hanging).rejects.toMatchObject({ code: '57P01' });

      // A superuser it may not end: it says whom an operator has to. Nobody is left waiting.
      await superuser.connect();
      await superuser.query("set application_name = 'a dump'; begin; select from audit.turn for update");
      const { pid } = (await superuser.query('select pg_backend_pid() as pid')).rows[0];
      await expect(appendAudit(program, act(4))).rejects.toMatchObject({
        type: 'database_overloaded',
        message: expect.stringContaining(`[pid ${pid}, role ${new URL(url).username}, a dump]`),
      });
      const waiting = "select from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'";
      expect((await pool.query(waiting, [name])).rowCount).toBe(0);
      await superuser.query('rollback');
      expect(await appendAudit(program, act(4))).toMatchObject({ seq: 4 });
      expect(await checkAudit(pool)).toMatchObject({ entries: 4, broken: null });
    } finally {
      await Promise.all([frozen, superuser].map((client) => client.end().catch(() => undefined)));
      await pool.query(separateOwner('current_user'));
      await owner.drop();
    }
  });
});

async function heldTurns(): Promise<number> {
  const held = "select from pg_locks where relation = 'audit.turn'::regclass and mode = 'ExclusiveLock' and granted";
  return (await pool.query(held)).rowCount ?? 0;
}

test('entries from before their writer was kept stay checkable', async () => {
  await tampering(`insert into audit.entries (seq, at, actor, action, subject, details, previous_hash, hash)
    select 1, at, 'a', 'b', 'c', '{}', none, audit.entry_hash(1, at, 'a', 'b', 'c', '{}', none)
      from (select now() as at, repeat('0', 64) as none) as former`);
  await append(1);
  expect(await checkAudit(pool)).toMatchObject({ entries: 2, broken: null });
  expect(await readAudit(pool, { before: '2', limit: 1 })).toMatchObject([{ writer: null }]);
});

/** What docs/audit.md has an administrator type. */
function separateOwner(owner: string): string {
  const document = readFileSync(join(packageRoot(), 'docs', 'audit.md'), 'utf8');
  const [, statements] = /```sql\n(alter schema audit[^`]*)```/.exec(document) ?? [];
  return (statements ?? expect.fail('docs/audit.md does not say how')).replaceAll('audit_owner', owner);
}

test('an entry that says `once` is put on record once, by however many at once', async () => {
  const once = { ...act(1), details: { once: 'the same' } };
  const added = await Promise.all(Array.from({ length: 5 }, () => appendAudit(pool, once)));
  expect(new Set(added.map(({ seq }) => seq)).size).toBe(1);
  await appendAudit(pool, { ...once, subject: 'another' });
  expect(await checkAudit(pool)).toMatchObject({ entries: 2, broken: null });
});

test('entries of many who add at once make one chain', async () => {
  const added = await Promise.all(Array.from({ length: 40 }, (_, place) => appendAudit(pool, act(place))));
  expect(added.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 40 }, (_, place) => place + 1),
  );
  const { head, ...rest } = await checkAudit(pool);
  expect(rest).toEqual({ entries: 40, broken: null });
  expect(head).toEqual(added.find(({ seq }) => seq === 40));
});

describe('who gets past the trigger is found out', () => {
  test.each([
    ['another actor', "update audit.entries set actor = 'nobody' where seq = 3", 3, 'changed'],
    ['another action', "update audit.entries set action = 'x' where seq = 3", 3, 'changed'],
    ['another subject', "update audit.entries set subject = 'x' where seq = 3", 3, 'changed'],
    ['another time', "update audit.entries set at = at + interval '1 microsecond' where seq = 3", 3, 'changed'],
    ['other details', `update audit.entries set details = '{"percentage": 4}' where seq = 3`, 3, 'changed'],
    ['another writer', "update audit.entries set writer = 'x' where seq = 3", 3, 'changed'],
    ['no writer', 'update audit.entries set writer = null where seq = 3', 3, 'changed'],
    ['another hash before', 'update audit.entries set previous_hash = hash where seq = 3', 3, 'changed'],
    [
      'a change with a fitting hash',
      `update audit.entries set actor = 'nobody',
         hash = audit.entry_hash(seq, at, 'nobody', action, subject, details, previous_hash, writer) where seq = 3`,
      4,
      'changed',
    ],
    ['an entry taken out', 'delete from audit.entries where seq = 3', 4, 'missing_before'],
    ['the beginning taken out', 'delete from audit.entries where seq < 3', 3, 'missing_before'],
    [
      'an entry put in',
      `insert into audit.entries select 7, now(), actor, action, subject, details, hash, hash from audit.entries where seq = 6`,
      7,
      'changed',
    ],
  ])('%s', async (_what, statement, seq, reason) => {
    await append(6);
    await tampering(statement);
    expect((await checkAudit(pool)).broken).toEqual({ seq, reason });
  });

  test('the end cut off, by an anchor', async () => {
    await append(6);
    const { head } = await checkAudit(pool);
    const anchor = head ?? expect.fail('no head');
    await append(2);
    expect((await checkAudit(pool, anchor)).broken).toBeNull();
    await tampering('delete from audit.entries where seq > 4');
    expect((await checkAudit(pool)).broken).toBeNull();
    expect((await checkAudit(pool, anchor)).broken).toEqual({ seq: 6, reason: 'anchor_missing' });
  });

  test('the whole chain written anew, by an anchor', async () => {
    await append(6);
    const { head } = await checkAudit(pool);
    await tampering('delete from audit.entries');
    await append(7);
    expect((await checkAudit(pool)).broken).toBeNull();
    expect((await checkAudit(pool, head ?? expect.fail('no head'))).broken).toEqual({
      seq: 6,
      reason: 'anchor_differs',
    });
  });
});
