import type { FastifyInstance } from 'fastify';
import { request as ask } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildSajuService } from '../../legacy/saju-service/app.js';
import { Faults } from '../../legacy/saju-service/faults.js';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { createPool } from '../../src/postgres/connect.js';
import { type ComparedAnswer, comparedAnswer } from '../support/compared-answer.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { testSecret } from '../support/engine.js';
import { sajuCubeOn } from '../support/saju-cube.js';

/** Both services on the same records: whatever is asked, a client cannot tell who served it. */
let databases: TestDatabases;
let legacy: FastifyInstance;
let cube: FastifyInstance;
let endPool: () => Promise<void>;
const urls = { legacy: '', cube: '' };
type Side = keyof typeof urls;
const { token } = issueCubeToken(testSecret, { cubeId: 'api-gateway-cube', permissions: ['saju:call'] }, new Date());

beforeAll(async () => {
  databases = await createDatabases(1000);
  legacy = buildSajuService(
    databases.legacy,
    new Faults({ slow_ms: 0, fail_share: 0, hang: false, wrong_field: null }),
  );
  const pool = createPool(databases.legacyUrl, { applicationName: 'saju cube', max: 3, statementMillis: 10_000 });
  endPool = () => pool.end();
  cube = await sajuCubeOn(pool);
  urls.legacy = await legacy.listen({ host: '127.0.0.1', port: 0 });
  urls.cube = await cube.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await Promise.all([legacy.close(), cube.close()]);
  await endPool();
  await databases.drop();
});

const birth = {
  user_id: '사용자-1',
  birth_year: 1990,
  birth_month: 5,
  birth_day: 15,
  birth_hour: 14,
  birth_minute: 30,
  is_solar: true,
};
const unsaved = { ...birth, save: false };
const json = (body: unknown, extra: Record<string, string> = {}): Call => ({
  headers: { 'content-type': 'application/json', ...extra },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const without = (name: string) => Object.fromEntries(Object.entries(unsaved).filter(([member]) => member !== name));

describe('a calculation is answered alike', () => {
  test.each<[string, unknown]>([
    ['plain', unsaved],
    ['kept', birth],
    ['kept by default where save is null', { ...birth, save: null }],
    ['with no minute', without('birth_minute')],
    [
      'with nulls for what may be left out',
      { ...unsaved, birth_minute: null, clock: null, longitude: null, fold: null },
    ],
    ['kept with an unknown hour', { ...birth, birth_hour: null }],
    ['kept with a convention of its own', { ...birth, clock: 'lmt', longitude: 1e-7, day_boundary: '23h', fold: 1 }],
    ['by true solar time', { ...unsaved, clock: 'true', longitude: -0, day_boundary: 'midnight' }],
    ['of UTC+9', { ...unsaved, clock: 'std135', birth_year: 1955 }],
    [
      'of a number with a point',
      '{"user_id":"a","birth_year":1990.0,"birth_month":5e0,"birth_day":15,"birth_hour":-0,"is_solar":true,"save":false}',
    ],
    [
      'of members twice',
      '{"user_id":"a","user_id":"b","birth_year":1990,"birth_month":5,"birth_day":15,"birth_hour":1,"is_solar":true,"save":false}',
    ],
    ['of an hour that never was', { ...unsaved, birth_year: 1987, birth_day: 10, birth_hour: 2 }],
    [
      'of an hour that was twice',
      { ...unsaved, birth_year: 1988, birth_month: 10, birth_day: 9, birth_hour: 2, fold: 1 },
    ],
    ['before standard time', { ...unsaved, birth_year: 1905 }],
    [
      'of a term on the day of an unknown hour',
      { ...unsaved, birth_year: 2024, birth_month: 2, birth_day: 4, birth_hour: null },
    ],
    ['within two minutes of edges', { ...unsaved, birth_hour: 0, birth_minute: 0 }],
    ['of a term that is foretold', { ...unsaved, birth_year: 2060 }],
    ['of the first day', { ...unsaved, birth_year: 1, birth_month: 1, birth_day: 1 }],
    ['of the last day', { ...unsaved, birth_year: 9999, birth_month: 12, birth_day: 31 }],
    ['of 29 February', { ...unsaved, birth_year: 2000, birth_month: 2, birth_day: 29 }],
    ['of 29 February 1900', { ...unsaved, birth_year: 1900, birth_month: 2, birth_day: 29 }],
    ['of 30 February', { ...unsaved, birth_month: 2, birth_day: 30 }],
    ['of 30 February of the moon', { ...unsaved, is_solar: false, birth_year: 1993, birth_month: 2, birth_day: 30 }],
    ['of 31 February of the moon', { ...unsaved, is_solar: false, birth_month: 2, birth_day: 31 }],
    ['of a leap month', { ...unsaved, is_solar: false, birth_year: 2012, birth_month: 3, is_leap_month: true }],
    [
      'of a leap month that is none',
      { ...unsaved, is_solar: false, birth_year: 2012, birth_month: 4, is_leap_month: true },
    ],
    ['of a solar leap month', { ...unsaved, is_leap_month: true }],
    ['of the first lunar month', { ...unsaved, is_solar: false, birth_year: 1899, birth_month: 12, birth_day: 1 }],
    ['before the first lunar month', { ...unsaved, is_solar: false, birth_year: 1899, birth_month: 11, birth_day: 1 }],
    ['of the last lunar month', { ...unsaved, is_solar: false, birth_year: 2050, birth_month: 11, birth_day: 1 }],
    ['after the last lunar month', { ...unsaved, is_solar: false, birth_year: 2050, birth_month: 12, birth_day: 1 }],
    ['of year 0', { ...unsaved, birth_year: 0 }],
    ['of year 10000', { ...unsaved, birth_year: 10_000 }],
    ['of a year beyond any number', { ...unsaved, birth_year: 1e300 }],
    ['of a year with a fraction', { ...unsaved, birth_year: 1990.5 }],
    ['of month 13', { ...unsaved, birth_month: 13 }],
    ['of hour 24', { ...unsaved, birth_hour: 24 }],
    ['of hour -1', { ...unsaved, birth_hour: -1 }],
    ['of minute 60', { ...unsaved, birth_minute: 60 }],
    ['of an hour in words', { ...unsaved, birth_hour: '14' }],
    ['of no hour at all', without('birth_hour')],
    ['of no user', without('user_id')],
    ['of a user of white space', { ...unsaved, user_id: ' \u3000\u0085' }],
    ['of a user that no table holds', { ...unsaved, user_id: 'a\u0000' }],
    ['of half a surrogate pair', { ...unsaved, user_id: '\ud83d' }],
    ['of any other text as a user', { ...birth, user_id: "'; -- \u0001 😀 \u1112\u1161\u11ab 한 \\u0000 \u2028" }],
    ['of a clock that is none', { ...unsaved, clock: 'sundial' }],
    ['of a day boundary that is none', { ...unsaved, day_boundary: '00h' }],
    ['of a third fold', { ...unsaved, fold: 2 }],
    ['of a longitude beyond the globe', { ...unsaved, longitude: 180.01 }],
    ['of a member that does not exist', { ...unsaved, gender: 'f' }],
    ['of a prototype', '{"__proto__":{"save":false},"user_id":"a"}'],
    ['of a constructor', { ...unsaved, constructor: { prototype: {} } }],
    ['of a list', [unsaved]],
    ['of null', 'null'],
    ['of nothing', ''],
    ['of half a body', '{"user_id":'],
    ['of a byte order mark', `\ufeff${JSON.stringify(unsaved)}`],
    ['of more than a mebibyte', JSON.stringify({ ...unsaved, user_id: 'a'.repeat(1024 * 1024) })],
  ])('%s', async (_, body) => {
    const { status } = await expectAlike('POST', '/calculate', json(body));
    expect(status).toBeLessThan(500);
  });

  test.each<[string, Record<string, string>]>([
    ['text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['JSON of a character set', { 'content-type': 'application/json; charset=utf-8' }],
    ['a kind of JSON', { 'content-type': 'application/vnd.api+json' }],
    ['what is no type', { 'content-type': 'json' }],
    ['no type', {}],
  ])('sent as %s', async (_, headers) => {
    await expectAlike('POST', '/calculate', { headers, body: JSON.stringify(unsaved) });
  });
});

describe('records are answered alike', () => {
  test('every one of the table, whatever it holds, and the pages of every user', async () => {
    await databases.legacy.query(
      `insert into saju_records (id, user_id, convention, created_at, updated_at) values
         (9007199254740993, 'big', '{"longitude": 126.97800000000000000001}', '2020-01-02 03:04:05.6+00', '-infinity'),
         (-9223372036854775808, 'big', 'null', '0044-03-15 00:00:00 BC', '12020-01-01'),
         (0, 'big', '"text"', null, 'infinity')`,
    );
    const found = await databases.legacy.query<{ id: string; user_id: string }>(
      'select id::text, user_id from saju_records',
    );
    for (const { id } of found.rows) expect((await expectAlike('GET', `/records/${id}`)).status).toBe(200);
    for (const user of new Set(found.rows.map((row) => row.user_id))) {
      if (user !== '') await expectAlike('GET', `/users/${encodeURIComponent(user)}/records?limit=2`);
    }
  });

  test('page by page, with the same cursors', async () => {
    for (let place = 0; place < 5; place++)
      await call('legacy', 'POST', '/calculate', json({ ...birth, user_id: 'pages' }));
    let cursor: string | null = null;
    let pages = 0;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { text } = await expectAlike('GET', `/users/pages/records?limit=2${query}`);
      cursor = (JSON.parse(text) as { next_cursor: string | null }).next_cursor;
      pages++;
    } while (cursor !== null);
    expect(pages).toBe(3);
  });

  test.each([
    ['GET', '/users/nobody/records'],
    ['GET', '/users/nobody/records?limit=0'],
    ['GET', '/users/nobody/records?limit=201'],
    ['GET', '/users/nobody/records?limit=200'],
    ['GET', '/users/nobody/records?limit='],
    ['GET', '/users/nobody/records?limit=1.5'],
    ['GET', '/users/nobody/records?limit=1&limit=2'],
    ['GET', '/users/nobody/records?cursor='],
    ['GET', '/users/nobody/records?cursor=x'],
    ['GET', '/users/nobody/records?cursor=9223372036854775808'],
    ['GET', '/users/nobody/records?cursor=1&cursor=2'],
    ['GET', '/users/nobody/records?other=1'],
    ['GET', '/users/a%00/records'],
    ['GET', '/users/a%2Fb/records'],
    ['GET', `/users/${'a'.repeat(4000)}/records`],
    ['GET', '/users//records'],
    ['GET', '/records/x'],
    ['GET', '/records/1.0'],
    ['GET', '/records/+1'],
    ['GET', '/records/%31'],
    ['GET', '/records/00001'],
    ['GET', '/records/-1'],
    ['GET', '/records/9223372036854775807'],
    ['GET', '/records/9223372036854775808'],
    ['GET', '/records/-9223372036854775809'],
    ['GET', `/records/${'9'.repeat(400)}`],
    ['GET', '/records/'],
    ['GET', '/records'],
    ['GET', '/'],
    ['GET', '/calculate'],
    ['GET', '/Records/1'],
    ['GET', '/records/1/'],
    ['PUT', '/records/1'],
    ['POST', '/records/1'],
    ['OPTIONS', '/records/1'],
    ['HEAD', '/records/9223372036854775807'],
    ['HEAD', '/users/nobody/records'],
    ['DELETE', '/records/9223372036854775807'],
    ['DELETE', '/records/x'],
    ['DELETE', '/users/nobody/records'],
  ] as const)('%s %s', async (method, path) => {
    expect((await expectAlike(method, path)).status).toBeLessThan(500);
  });

  test.each<[string, unknown]>([
    ['a text', { interpretation: '좋은 사주 \\u0000 \u0001 😀' }],
    ['a long text', { interpretation: '사주'.repeat(50_000) }],
    ['nothing', { interpretation: null }],
    ['what no table holds', { interpretation: 'a\u0000' }],
    ['a number', { interpretation: 5 }],
    ['no member', {}],
    ['another member', { interpretation: 'a', user_id: 'other' }],
    ['no body', ''],
    ['half a body', '{'],
    ['a list', '[]'],
  ])('changed to %s', async (_, body) => {
    await expectAlike('PATCH', '/records/{id}', json(body));
    await expectAlike('PATCH', '/records/9223372036854775807', json(body));
    await expectAlike('PATCH', '/records/x', json(body));
  });

  test('deleted, with and without what clients send along', async () => {
    expect(await expectAlike('DELETE', '/records/{id}')).toMatchObject({ status: 204, text: '' });
    for (const body of ['', '{}', '{']) await expectAlike('DELETE', '/records/{id}', json(body));
    await expectAlike('DELETE', '/records/{id}', { headers: { 'content-type': 'text/plain' }, body: 'gone' });
  });

  test('made, changed and deleted on one side as seen on the other', async () => {
    const made = await call('cube', 'POST', '/calculate', json({ ...birth, clock: 'true' }));
    const id = /"id":(\d+)/.exec(made.text)?.[1] ?? '';
    const read = await expectAlike('GET', `/records/${id}`);
    expect(made.text.replace(/"warnings":\[.*?\],/, '')).toBe(read.text);
    expect(JSON.parse(read.text)).toMatchObject({ created_at: JSON.parse(read.text).updated_at });
    const changed = await call('cube', 'PATCH', `/records/${id}`, json({ interpretation: '새' }));
    expect((await call('legacy', 'GET', `/records/${id}`)).text).toBe(changed.text);
    const { created_at, updated_at } = JSON.parse(changed.text) as Record<string, string>;
    expect((updated_at ?? '') > (created_at ?? '')).toBe(true);
    expect((await call('cube', 'DELETE', `/records/${id}`)).status).toBe(204);
    expect((await call('legacy', 'GET', `/records/${id}`)).status).toBe(404);
  });

  test.each(['/users/%ff/records', '/users/%/records'])('not at %s, in words of their own', async (path) => {
    for (const side of ['legacy', 'cube'] as const) {
      const { status, headers, text } = await call(side, 'GET', path);
      expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect([status, JSON.parse(text)]).toMatchObject([400, { type: 'invalid_input', status: 400 }]);
    }
  });

  test('of one user to another, since neither side checks whose they are', async () => {
    const id = await storeRecord();
    const answer = await call('cube', 'GET', `/records/${id}`, { headers: { 'x-user-id': 'somebody-else' } });
    expect(answer).toEqual(await call('legacy', 'GET', `/records/${id}`));
  });
});

interface Call {
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Asks both sides; `{id}` is a fresh record of each side's own. Expects equal answers but for new ids and times of now. */
async function expectAlike(method: Method, path: string, sent: Call = {}): Promise<ComparedAnswer> {
  const answers: Record<Side, ComparedAnswer> = { legacy: nothing, cube: nothing };
  for (const side of ['legacy', 'cube'] as const) {
    const id = path.includes('{id}') ? await storeRecord() : undefined;
    const answer = await call(side, method, id === undefined ? path : path.replace('{id}', id), sent);
    answers[side] = id !== undefined || method === 'POST' ? withoutChance(answer) : answer;
  }
  expect([method, path, answers.cube]).toEqual([method, path, answers.legacy]);
  return answers.cube;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';
const nothing: ComparedAnswer = { status: 0, headers: {}, text: '' };

async function call(
  side: Side,
  method: Method,
  path: string,
  { headers = {}, body }: Call = {},
): Promise<ComparedAnswer> {
  const answer = await ask(urls[side] + path, {
    method,
    headers: { ...headers, ...(side === 'cube' ? { 'x-cube-token': token } : {}) },
    ...(body === undefined ? {} : { body }),
  });
  return comparedAnswer(answer);
}

/** Ids of the sequence and the time of now differ by call, in digits and not in length but for six digits of an id. */
function withoutChance({ status, headers, text }: ComparedAnswer): ComparedAnswer {
  const { 'content-length': length, ...others } = headers;
  const plain = text
    .replace(/^\{"id":\d+/, '{"id":0')
    .replace(/"(created|updated)_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"/g, '"$1_at":"now"');
  expect(length === undefined ? undefined : Number(length)).toBe(status === 204 ? undefined : Buffer.byteLength(text));
  return { status, headers: others, text: plain };
}

async function storeRecord(): Promise<string> {
  const made = await databases.legacy.query<{ id: string }>(
    `insert into saju_records (user_id, birth_year, is_solar, convention, interpretation, created_at)
     values ('stored', 1990, true, '{"clock": "wall"}', 'old', '2020-01-02 03:04:05+00') returning id::text`,
  );
  return made.rows[0]?.id ?? expect.fail('no record');
}
