import { describe, expect, test } from 'vitest';
import { defaultConvention } from '../../../../src/domain/saju/birth.js';
import {
  calculateBodySchema,
  isRecordId,
  readCalculateRequest,
  readInterpretation,
  readPageQuery,
} from '../../../../src/domain/saju/request.js';

const least = {
  user_id: 'user-1',
  birth_year: 1990,
  birth_month: 5,
  birth_day: 15,
  birth_hour: 14,
  is_solar: true,
};

describe('a body of calculate', () => {
  test('means the defaults of the service where it says nothing', () => {
    const accepted = {
      kind: 'accepted',
      value: {
        user_id: 'user-1',
        save: true,
        birth: {
          ...defaultConvention,
          year: 1990,
          month: 5,
          day: 15,
          hour: 14,
          minute: 0,
          is_solar: true,
          is_leap_month: false,
        },
      },
    };
    expect(readCalculateRequest(least)).toEqual(accepted);
    expect(readCalculateRequest({ ...least, birth_minute: null, is_leap_month: null, clock: null })).toEqual(accepted);
  });

  test('is taken as it is where it says all', () => {
    const said = { clock: 'true', longitude: -0.5, day_boundary: 'midnight', fold: 1 } as const;
    const read = readCalculateRequest({ ...least, ...said, birth_hour: null, birth_minute: 59, save: false });
    expect(read).toMatchObject({
      kind: 'accepted',
      value: { save: false, birth: { ...said, hour: null, minute: 59 } },
    });
  });

  test.each([
    ['body', null],
    ['body', 'text'],
    ['body', [least]],
    ['user_id', {}],
    ['user_id', { ...least, user_id: 7 }],
    ['user_id', { ...least, user_id: null }],
    ['birth_year', { ...least, birth_year: '1990' }],
    ['birth_year', { ...least, birth_year: null }],
    ['birth_day', { ...least, birth_day: 1.5 }],
    ['birth_hour', { ...least, birth_hour: undefined }],
    ['birth_hour', { ...least, birth_hour: '14' }],
    ['birth_minute', { ...least, birth_minute: true }],
    ['is_solar', { ...least, is_solar: 1 }],
    ['is_solar', { ...least, is_solar: null }],
    ['longitude', { ...least, longitude: '127' }],
    ['clock', { ...least, clock: 3 }],
    ['save', { ...least, save: 'no' }],
    ['is_leapmonth', { ...least, is_leapmonth: true }],
    ['__proto__', JSON.parse(JSON.stringify(least).replace('{', '{"__proto__": 1, '))],
  ])('is malformed, and the answer names its %s', (field, body) => {
    expect(readCalculateRequest(body)).toMatchObject({ kind: 'refusal', status: 400, field });
  });

  test.each([
    ['user_id', { user_id: '' }],
    ['user_id', { user_id: ' \u3000\u0085' }],
    ['user_id', { user_id: 'a\u0000b' }],
    ['user_id', { user_id: 'a\ud800' }],
    ['clock', { clock: 'sundial' }],
    ['day_boundary', { day_boundary: '' }],
    ['fold', { fold: 2 }],
    ['longitude', { longitude: 181 }],
    ['birth_year', { birth_year: 0 }],
    ['birth_year', { birth_year: 10_000 }],
    ['birth_year', { birth_year: 1e300 }],
    ['birth_month', { birth_month: 13 }],
    ['birth_day', { birth_month: 2, birth_day: 30 }],
    ['birth_hour', { birth_hour: 24 }],
    ['birth_minute', { birth_minute: -1 }],
    ['is_leap_month', { birth_year: 2012, birth_month: 4, is_solar: false, is_leap_month: true }],
  ])('is impossible, and the answer names its %s', (field, parts) => {
    expect(readCalculateRequest({ ...least, ...parts })).toMatchObject({ kind: 'refusal', status: 422, field });
  });

  test('may hold any text that the database can', () => {
    for (const user_id of ['사용자-1', '😀', '\\u0000', ' a ', '\u0001']) {
      expect(readCalculateRequest({ ...least, user_id })).toMatchObject({ kind: 'accepted', value: { user_id } });
    }
  });

  test('never has its values repeated in what refuses it', () => {
    const read = readCalculateRequest({ ...least, clock: 'secret' });
    expect(JSON.stringify(read)).not.toContain('secret');
  });

  test('is described by a schema that names the same members and defaults', () => {
    expect(calculateBodySchema.required).toEqual(Object.keys(least));
    const defaults = Object.entries(calculateBodySchema.properties)
      .filter(([, property]) => 'default' in property)
      .map(([name, property]) => [name, property.default]);
    expect(readCalculateRequest({ ...least, ...Object.fromEntries(defaults) })).toEqual(readCalculateRequest(least));
  });
});

test.each([
  [{ interpretation: 'text' }, 'accepted'],
  [{ interpretation: '' }, 'accepted'],
  [{ interpretation: null }, 'accepted'],
  [{}, 400],
  [{ interpretation: 5 }, 400],
  [{ interpretation: 'text', id: 5 }, 400],
  [{ interpretation: '\u0000' }, 422],
])('the interpretation %o is %s', (body, outcome) => {
  const read = readInterpretation(body);
  expect(read.kind === 'refusal' ? read.status : read.kind).toBe(outcome);
});

test.each([
  [{}, { limit: 50, cursor: undefined }],
  [
    { limit: '1', cursor: '-9223372036854775808' },
    { limit: 1, cursor: '-9223372036854775808' },
  ],
  [{ limit: '200' }, { limit: 200, cursor: undefined }],
])('the page %o is %o', (query, page) => {
  expect(readPageQuery(query)).toEqual({ kind: 'accepted', value: page });
});

test.each([
  [{ limit: '0' }, 422, 'limit'],
  [{ limit: '201' }, 422, 'limit'],
  [{ limit: 'ten' }, 400, 'limit'],
  [{ limit: '1.5' }, 400, 'limit'],
  [{ limit: ['1', '2'] }, 400, 'limit'],
  [{ cursor: 'x' }, 400, 'cursor'],
  [{ cursor: '' }, 400, 'cursor'],
  [{ cursor: '9223372036854775808' }, 400, 'cursor'],
])('the page %o is refused', (query, status, field) => {
  expect(readPageQuery(query)).toMatchObject({ kind: 'refusal', status, field });
});

test('ids are whole numbers of sixty-four bits', () => {
  expect(['0', '-1', '9223372036854775807'].every(isRecordId)).toBe(true);
  expect(['', '1.0', '+1', '9223372036854775808', '1e3', 'x', '１'].some(isRecordId)).toBe(false);
});
