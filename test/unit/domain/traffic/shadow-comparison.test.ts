import { expect, test } from 'vitest';
import { compareResponses, isIgnored, type ShadowRule } from '../../../../src/domain/traffic/shadow-comparison.js';

const answer = (body: string, status = 200, contentType = 'application/json') => ({ status, contentType, body });
const fields = (one: string, other: string) => compareResponses(answer(one), answer(other))?.map(({ field }) => field);

test.each([
  ['the same', '{"a":1}', '{"a":1}'],
  ['the order of keys', '{"a":1,"b":[]}', '{"b":[],"a":1}'],
  ['white space', '{"a": [1, 2]}', '{"a":[1,2]}'],
  ['an escape of the same character', '{"a":"가"}', '{"a":"\\uac00"}'],
])('%s is no difference', (_what, one, other) => expect(fields(one, other)).toEqual([]));

test.each([
  ['a value', '{"a":{"b":1}}', '{"a":{"b":2}}', ['body.a.b']],
  ['null against missing', '{"a":null}', '{}', ['body.a']],
  ['a number against its text', '{"a":1}', '{"a":"1"}', ['body.a']],
  ['how a number is written', '{"a":1}', '{"a":1.0}', ['body.a']],
  ['a digit beyond 2^53', '{"id":9007199254740993}', '{"id":9007199254740992}', ['body.id']],
  ['the order of an array', '[1,2]', '[2,1]', ['body[]', 'body[]']],
  ['the length of an array', '{"items":[{"id":1}]}', '{"items":[{"id":1},{"id":2}]}', ['body.items[]']],
  ['an object against a list', '{"a":{}}', '{"a":[]}', ['body.a']],
  ['normal forms', '{"a":"가"}', '{"a":"\u1100\u1161"}', ['body.a']],
  ['true against its text', '{"a":true}', '{"a":"true"}', ['body.a']],
  ['a key that holds digits and quotes', '{"7\\"8":1}', '{"7\\"8":2}', ['body.7"8']],
  ['a key named as what every object has', '{"__proto__":1}', '{}', ['body.__proto__']],
  ['text that is no JSON', 'one', 'other', ['body']],
])('%s is a difference', (_what, one, other, expected) => expect(fields(one, other)).toEqual(expected));

test('where the status differs nothing else is reported', () => {
  const [difference, ...rest] = compareResponses(answer('{"a":1}'), answer('{"b":2}', 500)) ?? [];
  expect(rest).toEqual([]);
  expect(difference).toMatchObject({ field: 'status', one: '200', other: '500' });
});

test('an example says what a value is and how long, not what it says', () => {
  const [difference] = compareResponses(answer('{"a":"갑자을축"}'), answer('{"a":null}')) ?? [];
  expect(difference).toEqual({
    field: 'body.a',
    one: 'string of 4',
    other: 'null',
  });
});

test('a rule leaves out its field and what is below it, on its route, until its last day', () => {
  const rule: ShadowRule = {
    route: '/api/saju/calculate',
    field: 'body.warnings',
    owner: 'saju',
    why: 'terms',
    expires: '2027-06-30',
  };
  const ignored = (route: string, field: string, today: string) => isIgnored([rule], route, field, today);
  expect(ignored('/api/saju/calculate', 'body.warnings', '2027-06-30')).toBe(true);
  expect(ignored('/api/saju/calculate', 'body.warnings[]', '2027-01-01')).toBe(true);
  expect(ignored('/api/saju/calculate', 'body.warnings', '2027-07-01')).toBe(false);
  expect(ignored('/api/saju/calculate', 'body.warnings_of_others', '2027-01-01')).toBe(false);
  expect(ignored('/api/saju/records/:id', 'body.warnings', '2027-01-01')).toBe(false);
});

const nested = (depth: number, core = '1') => `${'['.repeat(depth)}${core}${']'.repeat(depth)}`;
const objects = (depth: number, core = '1') => `${'{"a":'.repeat(depth)}${core}${'}'.repeat(depth)}`;

test.each([
  ['lists of the greatest depth of 64 KiB', nested(32_000), nested(32_000, '2')],
  ['objects of a great depth', objects(10_000), objects(10_000, '2')],
  ['depth that text alone has', '['.repeat(60_000), '['.repeat(60_001)],
  ['as many values as 64 KiB hold', `[${'1,'.repeat(32_000)}1]`, `[${'1,'.repeat(32_000)}2]`],
  ['the same on both sides', nested(32_000), nested(32_000)],
])('%s: two answers are not compared', (_what, one, other) => expect(fields(one, other)).toBeUndefined());

test.each([
  ['one alone', nested(32_000), '[1]', ['body']],
  ['the other alone', '{"a":1}', objects(10_000), ['body']],
  ['brackets in a text', JSON.stringify('['.repeat(60_000)), JSON.stringify('['.repeat(60_000)), []],
  ['quotes and backslashes in a text', JSON.stringify('\\"['.repeat(9000)), '""', ['body']],
  ['the depth that is walked through', nested(64), nested(64, '2'), [`body${'[]'.repeat(64)}`]],
])('%s beyond the bounds, or within them, is compared', (_what, one, other, expected) =>
  expect(fields(one, other)).toEqual(expected),
);

test('a tolerant field lets numbers differ within its tolerance, and nothing else', () => {
  const tolerant = { field: 'body.outputs', tolerance: { absolute: 1e-5, relative: 1e-3 } };
  const within = (one: string, other: string) =>
    compareResponses(answer(`{"outputs":[${one}],"id":1}`), answer(`{"outputs":[${other}],"id":1}`), tolerant)?.map(
      ({ field }) => field,
    );
  for (const [one, other] of [
    ['1', '1.0'],
    ['1000', '1000.9'],
    ['0.000001', '0.00001'],
    ['{"score":[2]}', '{"score":[2.001]}'],
  ] as const)
    expect(within(one, other)).toEqual([]);
  expect(within('1000', '1001.1')).toEqual(['body.outputs[]']);
  expect(within('{"score":1}', '{"score":"1"}')).toEqual(['body.outputs[].score']);
  expect(within('"a"', '"b"')).toEqual(['body.outputs[]']);
  expect(within('1', 'null')).toEqual(['body.outputs[]']);
  const other = compareResponses(answer('{"id":1,"outputs_of":2}'), answer('{"id":1.0,"outputs_of":2.0}'), tolerant);
  expect(other?.map(({ field }) => field)).toEqual(['body.id', 'body.outputs_of']);
});
