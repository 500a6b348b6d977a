import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readReference } from '../../bench/saju-reference.js';
import { plantedAt } from '../../legacy/planted.js';
import { buildSajuService } from '../../legacy/saju-service/app.js';
import { chartOf } from '../../legacy/saju-service/chart.js';
import { Faults } from '../../legacy/saju-service/faults.js';
import { packageRoot } from '../../src/base/package-root.js';
import { defaultConvention } from '../../src/domain/saju/birth.js';
import { calculateChart } from '../../src/domain/saju/four-pillars.js';
import { readCalculateRequest } from '../../src/domain/saju/request.js';
import { choosePort } from '../../src/state/ports.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

let databases: TestDatabases;
let service: FastifyInstance;
let url: string;
const faults = new Faults({ slow_ms: 0, fail_share: 0, hang: false, wrong_field: null });

beforeAll(async () => {
  databases = await createDatabases(1000);
  service = buildSajuService(databases.legacy, faults);
  url = await service.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  await service.close();
  await databases.drop();
});

afterEach(() => faults.plant({ slow_ms: 0, fail_share: 0, hang: false, wrong_field: null }));

const birth = {
  user_id: '사용자-1',
  birth_year: 1988,
  birth_month: 9,
  birth_day: 17,
  birth_hour: 10,
  birth_minute: 30,
  is_solar: true,
};

describe('a calculation', () => {
  test('that is saved is a record of the table, and answered as it is there', async () => {
    const { status, body } = await call('POST', '/calculate', birth);
    expect(status).toBe(201);
    expect(body).toEqual({
      ...birth,
      id: expect.any(Number),
      is_leap_month: false,
      year_pillar: '무진',
      month_pillar: '신유',
      day_pillar: '을해',
      hour_pillar: '신사',
      convention: { ...defaultConvention },
      interpretation: null,
      created_at: expect.stringMatching(isoMicroseconds),
      updated_at: expect.stringMatching(isoMicroseconds),
      warnings: [],
    });
    const { warnings, ...record } = body;
    expect(await call('GET', `/records/${record.id}`)).toMatchObject({ status: 200, body: record });
    const stored = await databases.legacy.query('select hour_pillar from saju_records where id = $1', [record.id]);
    expect(stored.rows).toEqual([{ hour_pillar: '신사' }]);
  });

  test('that is not saved leaves the table as it was', async () => {
    const before = await countRecords();
    const { status, body } = await call('POST', '/calculate', { ...birth, save: false, clock: 'lmt' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ hour_pillar: '경진', convention: { ...defaultConvention, clock: 'lmt' } });
    expect(body).not.toHaveProperty('id');
    expect(await countRecords()).toBe(before);
  });

  test('of an unknown hour has no hour pillar', async () => {
    const { body } = await call('POST', '/calculate', { ...birth, birth_hour: null, save: false });
    expect(body).toMatchObject({ birth_hour: null, hour_pillar: null, day_pillar: '을해' });
  });

  test('of an ambiguous birth is warned of', async () => {
    const skipped = { ...birth, birth_year: 1987, birth_month: 5, birth_day: 10, birth_hour: 2, save: false };
    expect((await call('POST', '/calculate', skipped)).body.warnings).toEqual(['wall_time_skipped']);
  });

  test.each([
    [400, 'body', '[]'],
    [400, 'body', '{'],
    [400, 'body', ''],
    [400, 'birth_year', JSON.stringify({ ...birth, birth_year: '1988' })],
    [400, 'birth_hour', JSON.stringify({ ...birth, birth_hour: undefined })],
    [400, 'gender', JSON.stringify({ ...birth, gender: 'f' })],
    [422, 'user_id', JSON.stringify({ ...birth, user_id: ' ' })],
    [422, 'birth_day', JSON.stringify({ ...birth, birth_month: 2, birth_day: 30 })],
    [422, 'birth_year', JSON.stringify({ ...birth, birth_year: 0 })],
    [422, 'birth_year', JSON.stringify({ ...birth, birth_year: 10_000 })],
    [422, 'birth_hour', JSON.stringify({ ...birth, birth_hour: 24 })],
    [
      422,
      'is_leap_month',
      JSON.stringify({ ...birth, birth_year: 2012, birth_month: 4, is_solar: false, is_leap_month: true }),
    ],
  ])('is refused with %i that names %s', async (status, field, body) => {
    const answer = await call('POST', '/calculate', body);
    expect(answer).toMatchObject({ status, type: 'application/problem+json; charset=utf-8', body: { status, field } });
  });
});

test('requests are judged as the cube judges them, field by field', async () => {
  const parts: readonly (readonly [string, readonly unknown[]])[] = [
    ['user_id', ['', '\u0085', 'a\u0000', 'a\ud800', 5, null]],
    ['birth_year', [0, 1, 9999, 10_000, 1.5, '1', null, 1850, 2051]],
    ['birth_month', [0, 13, 12]],
    ['birth_day', [0, 29, 30, 31, 32]],
    ['birth_hour', [-1, 24, null, '1']],
    ['birth_minute', [-1, 60, null, 1.5]],
    ['is_leap_month', [true, null, 0]],
    ['clock', ['sundial', 'true', null, 1]],
    ['longitude', [-180, 180.5, '127']],
    ['day_boundary', ['24h', 'midnight']],
    ['fold', [2, 1, true]],
    ['save', [1, null]],
    ['surplus', [1]],
  ];
  for (const [name, values] of parts) {
    for (const value of values) {
      for (const is_solar of [true, false]) {
        const body = { ...birth, is_solar, save: false, [name]: value };
        const cube = readCalculateRequest(body);
        const { status, body: answer } = await call('POST', '/calculate', body);
        const expected = cube.kind === 'refusal' ? { status: cube.status, field: cube.field, detail: cube.detail } : {};
        expect([name, value, status >= 400 ? answer : {}]).toMatchObject([name, value, expected]);
        expect([name, value, status < 400]).toEqual([name, value, cube.kind === 'accepted']);
      }
    }
  }
});

test('charts by its own library are those of the reference, and warned of as the cube warns', () => {
  // Every seventh row: over the whole script/saju-differences counts.
  for (const row of readReference().filter((_, place) => place % 7 === 0)) {
    const { year, month, day, hour, minute, clock, longitude, day_boundary, fold } = row;
    const epochDay = Date.UTC(year, month - 1, day) / 86_400_000;
    const convention = { clock, longitude, day_boundary, fold };
    const { warnings, ...pillars } = chartOf({ epochDay, birth_hour: hour, birth_minute: minute, ...convention });
    expect([row.text, Object.values(pillars).join(' ')]).toEqual([row.text, row.pillars]);
    const date = { year, month, day, is_solar: true, is_leap_month: false };
    const cube = calculateChart({ ...date, hour, minute, ...convention });
    const others = (names: readonly string[]) => names.filter((name) => name !== 'near_term');
    expect([row.text, others(warnings)]).toEqual([row.text, others(cube.kind === 'chart' ? cube.warnings : [])]);
  }
});

test('the first and the last days there are have charts on both sides, of the same days and hours', () => {
  for (const [year, month, day] of [
    [1, 1, 1],
    [9999, 12, 31],
    [1582, 10, 10],
    [1599, 12, 31],
    [1600, 1, 1],
  ] as const) {
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    for (const clock of ['wall', 'lmt'] as const) {
      for (const longitude of [-180, 126.978, 180]) {
        for (const hour of [0, 12, 23]) {
          const convention = { ...defaultConvention, clock, longitude };
          const legacy = chartOf({
            epochDay: date.getTime() / 86_400_000,
            birth_hour: hour,
            birth_minute: 30,
            ...convention,
          });
          const solar = { year, month, day, is_solar: true, is_leap_month: false };
          const cube = calculateChart({ ...solar, hour, minute: 30, ...convention });
          const { day_pillar, hour_pillar, warnings } = legacy;
          expect(cube).toMatchObject({ pillars: { day_pillar, hour_pillar }, warnings });
        }
      }
    }
  }
});

describe('a stored record', () => {
  test('is answered as the table holds it, whatever it holds', async () => {
    const rows = await databases.legacy.query<Record<string, unknown>>(
      `select *, id::text as id, created_at::text as created_at, updated_at::text as updated_at
         from saju_records r order by r.id`,
    );
    for (const { created_at, updated_at, ...row } of rows.rows.filter((_, place) => place % 3 === 0)) {
      const { status, body } = await call('GET', `/records/${String(row.id)}`);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        ...row,
        id: Number(row.id),
        birth_minute: row.birth_minute ?? 0,
        is_leap_month: row.is_leap_month ?? false,
      });
      expect(Object.keys(body).sort()).toEqual([...Object.keys(row), 'created_at', 'updated_at'].sort());
      for (const [time, answered] of [
        [created_at, body.created_at],
        [updated_at, body.updated_at],
      ]) {
        const plain = typeof time === 'string' && /^\d{4}-/.test(time) && !time.endsWith('BC');
        if (!plain) expect(answered).toBe(time);
        else {
          expect(answered).toMatch(isoMicroseconds);
          expect(Date.parse(String(answered))).toBe(Date.parse(String(time).replace(' ', 'T').replace('+00', 'Z')));
        }
      }
    }
  });

  test('keeps an id and a convention that no double holds', async () => {
    await databases.legacy.query(
      `insert into saju_records (id, user_id, convention, created_at)
       values (9007199254740993, 'big', '{"longitude": 126.97800000000000000001}', '2020-01-02 03:04:05.6+00')`,
    );
    const text = await (await fetch(`${url}/records/9007199254740993`)).text();
    expect(text).toContain('"id":9007199254740993');
    expect(text).toContain('126.97800000000000000001');
    expect(text).toContain('"created_at":"2020-01-02T03:04:05.600000Z"');
  });

  test('takes another interpretation, and is gone once deleted', async () => {
    const { body: made } = await call('POST', '/calculate', birth);
    const changed = await call('PATCH', `/records/${made.id}`, { interpretation: '좋은 사주 \\u0000 😀' });
    expect(changed).toMatchObject({ status: 200, body: { id: made.id, interpretation: '좋은 사주 \\u0000 😀' } });
    expect(changed.body.updated_at > made.updated_at).toBe(true);
    expect(changed.body.created_at).toBe(made.created_at);
    expect(await call('PATCH', `/records/${made.id}`, { interpretation: 5 })).toMatchObject({
      status: 400,
      body: { field: 'interpretation' },
    });
    const deleted = await fetch(`${url}/records/${made.id}`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
    });
    expect([deleted.status, await deleted.text()]).toEqual([204, '']);
    for (const [method, body] of [['GET'], ['PATCH', { interpretation: null }], ['DELETE']] as const) {
      expect(await call(method, `/records/${made.id}`, body)).toMatchObject({ status: 404, body: { status: 404 } });
    }
  });

  test.each([
    ['GET', '/records/x', 400],
    ['GET', '/records/9223372036854775808', 400],
    ['GET', '/records/9223372036854775807', 404],
    ['GET', '/records', 404],
    ['PUT', '/records/1', 405],
    ['GET', '/users/%ff/records', 400],
  ])('%s %s is %i, in the form of a problem', async (method, path, status) => {
    expect(await call(method, path)).toMatchObject({
      status,
      type: 'application/problem+json; charset=utf-8',
      body: { status },
    });
  });
});

describe('the records of a user', () => {
  test('come newest first, page by page, each once', async () => {
    const user = 'a/b ?#사용자%00';
    const made: number[] = [];
    for (let place = 0; place < 7; place++) {
      made.unshift((await call('POST', '/calculate', { ...birth, user_id: user })).body.id);
    }
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '?limit=3' : `?limit=3&cursor=${cursor}`;
      const { status, body } = await call('GET', `/users/${encodeURIComponent(user)}/records${query}`);
      expect(status).toBe(200);
      seen.push(...body.items.map((item: { id: number }) => item.id));
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(made);
  });

  test('are none for a user who has none', async () => {
    for (const user of ['nobody', '%00']) {
      expect((await call('GET', `/users/${user}/records`)).body).toEqual({ items: [], next_cursor: null });
    }
  });

  test.each([
    ['limit=0', 422, 'limit'],
    ['limit=x', 400, 'limit'],
    ['cursor=x', 400, 'cursor'],
  ])('are refused for %s', async (query, status, field) => {
    expect(await call('GET', `/users/user-1/records?${query}`)).toMatchObject({ status, body: { field } });
  });
});

describe('planted faults', () => {
  test('are shown, and planted anew as a whole', async () => {
    expect((await call('POST', '/_faults', { slow_ms: 5, wrong_field: 'hour_pillar' })).status).toBe(200);
    const planted = { slow_ms: 5, fail_share: 0, hang: false, wrong_field: 'hour_pillar' };
    expect((await call('GET', '/_faults')).body).toEqual(planted);
    expect((await call('GET', '/health')).body).toEqual({ status: 'up', planted });
    expect(await plantedAt(url)).toBe('5 ms more an answer, a wrong hour_pillar in every record');
    await call('POST', '/_faults', {});
    expect(await plantedAt(url)).toBe('nothing');
    expect((await call('GET', '/_faults')).body).toEqual({ slow_ms: 0, fail_share: 0, hang: false, wrong_field: null });
  });

  test.each([
    ['slow_ms', { slow_ms: -1 }],
    ['fail_share', { fail_share: 2 }],
    ['hang', { hang: 'yes' }],
    ['wrong_field', { wrong_field: 'colour' }],
    ['speed', { speed: 1 }],
  ])('that make no sense are refused: %s', async (field, body) => {
    const { status, body: problem } = await call('POST', '/_faults', body);
    expect(status === 400 || status === 422).toBe(true);
    expect(problem.field).toBe(field);
  });

  test.each(['x-cube-source', 'x-forwarded-for', 'via'])('cannot be reached through a proxy: %s', async (header) => {
    const response = await fetch(`${url}/_faults`, { method: 'POST', headers: { [header]: 'api-gateway' } });
    expect(response.status).toBe(404);
  });

  test('slow every answer down', async () => {
    faults.plant({ slow_ms: 300, fail_share: 0, hang: false, wrong_field: null });
    const started = performance.now();
    await call('POST', '/calculate', { ...birth, save: false });
    expect(performance.now() - started).toBeGreaterThan(295);
  });

  test('fail the share of requests that was set', async () => {
    faults.plant({ slow_ms: 0, fail_share: 1, hang: false, wrong_field: null });
    expect((await call('GET', '/records/1')).status).toBe(500);
    faults.plant({ slow_ms: 0, fail_share: 0.5, hang: false, wrong_field: null });
    const answers = await Promise.all(Array.from({ length: 200 }, () => call('GET', '/users/nobody/records')));
    const failed = answers.filter(({ status }) => status === 500).length;
    expect(failed).toBeGreaterThan(50);
    expect(failed).toBeLessThan(150);
  });

  test('hang requests until they are taken back, and nothing is done for a client that left', async () => {
    const before = await countRecords();
    const hanging = new Faults({ slow_ms: 0, fail_share: 0, hang: true, wrong_field: null });
    const own = buildSajuService(databases.legacy, hanging);
    const address = `${await own.listen({ host: '127.0.0.1', port: 0 })}/calculate`;
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(birth),
    } as const;
    const leaving = new AbortController();
    const left = fetch(address, { ...request, signal: leaving.signal }).catch(() => 'left');
    const waiting = fetch(address, request);
    await until('both requests to arrive', async () => (await connectionsOf(own)) === 2);
    const first = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 300, 'nothing'))]);
    expect(first).toBe('nothing');
    leaving.abort();
    expect(await left).toBe('left');
    await until('the service to see that the client left', async () => (await connectionsOf(own)) === 1);
    hanging.plant({ slow_ms: 0, fail_share: 0, hang: false, wrong_field: null });
    expect((await waiting).status).toBe(201);
    expect(await countRecords()).toBe(before + 1);
    await own.close();
  });

  test('answer one field wrong and store it right', async () => {
    for (const field of ['hour_pillar', 'id', 'convention', 'is_solar', 'birth_year', 'created_at', 'interpretation']) {
      const { body: right } = await call('POST', '/calculate', birth);
      await call('POST', '/_faults', { wrong_field: field });
      const { body: wrong } = await call('GET', `/records/${right.id}`);
      await call('POST', '/_faults', {});
      const { warnings, ...record } = right;
      const differing = Object.keys(record).filter(
        (name) => JSON.stringify(record[name]) !== JSON.stringify(wrong[name]),
      );
      expect(differing).toEqual([field]);
      expect((await call('GET', `/records/${right.id}`)).body).toEqual(record);
    }
  });
});

test('the program serves the database it is given, says what its environment planted, and ends at a signal', async () => {
  const port = await choosePort(0, new Set());
  const program = spawn(process.execPath, [join(packageRoot(), 'dist', 'legacy', 'saju-service.js')], {
    env: { LEGACY_DATABASE_URL: databases.legacyUrl, PORT: String(port), LEGACY_FAULT_SLOW_MS: '1' },
    stdio: 'ignore',
  });
  const ended = once(program, 'exit');
  const health = await until('the service to listen', () =>
    fetch(`http://127.0.0.1:${port}/health`).then(
      (response) => response.json() as Promise<unknown>,
      () => undefined,
    ),
  );
  expect(health).toMatchObject({ planted: { slow_ms: 1 } });
  expect((await fetch(`http://127.0.0.1:${port}/users/user-1/records`)).status).toBe(200);
  program.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

const isoMicroseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

async function call(method: string, path: string, body?: unknown) {
  const response = await fetch(`${url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  });
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: text === '' ? undefined : JSON.parse(text),
  };
}

async function countRecords(): Promise<number> {
  const found = await databases.legacy.query<{ count: number }>('select count(*)::int as count from saju_records');
  return found.rows[0]?.count ?? -1;
}

function connectionsOf(app: FastifyInstance): Promise<number> {
  return new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
