import pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { FailureType } from '../../../src/base/failures.js';
import type { Side } from '../../../src/domain/side.js';
import { isRowDataError, postgresFailure, serverErrorClasses } from '../../../src/postgres/errors.js';

const secret = '홍길동 1990-05-15';

/** An error as the server sends one about a row: its texts quote the row. */
function databaseError(
  code: string,
  names: Partial<Record<'schema' | 'table' | 'column' | 'constraint', string>> = {},
) {
  const error = new pg.DatabaseError(`invalid value: "${secret}"`, 100, 'error');
  Object.assign(error, {
    code,
    detail: `Key (user_id)=(${secret}) already exists.`,
    where: `COPY charts, line 1: "${secret}"`,
    hint: secret,
    internalQuery: `select '${secret}'`,
    ...names,
  });
  return error;
}

function networkError(code: string, message = `connect ${code} ${secret}`): Error {
  return Object.assign(new Error(message), { code });
}

function failureOf(side: Side, error: unknown) {
  const failure = postgresFailure(side)(error);
  if (failure === undefined) throw new Error('not translated');
  return failure;
}

const bySide = (type: 'unreachable' | 'schema_mismatch', side: Side): FailureType => `${side}_${type}`;

describe.each(['legacy', 'cube'] as const)('an error of the %s database', (side) => {
  test.each([
    ['28P01', 'permission_denied'],
    ['28000', 'permission_denied'],
    ['42501', 'permission_denied'],
    ['25006', 'permission_denied'],
    ['3D000', bySide('schema_mismatch', side)],
    ['42P01', bySide('schema_mismatch', side)],
    ['3F000', bySide('schema_mismatch', side)],
    ['42703', bySide('schema_mismatch', side)],
    ['53100', 'disk_full'],
    ['53200', 'database_overloaded'],
    ['53300', 'database_overloaded'],
    ['58030', 'database_overloaded'],
    ['57P01', bySide('unreachable', side)],
    ['57P02', bySide('unreachable', side)],
    ['57P03', bySide('unreachable', side)],
    ['57P05', bySide('unreachable', side)],
    ['08000', bySide('unreachable', side)],
    ['08006', bySide('unreachable', side)],
    ['57014', 'database_overloaded'],
    ['40001', 'database_overloaded'],
    ['40P01', 'database_overloaded'],
    ['55P03', 'database_overloaded'],
    ['22021', 'unexpected'],
    ['23505', 'unexpected'],
    ['XX000', 'unexpected'],
    ['42601', 'unexpected'],
  ] satisfies [string, FailureType][])('with SQLSTATE %s is %s, and keeps its cause and state', (code, type) => {
    const error = databaseError(code);
    const failure = failureOf(side, error);
    expect(failure).toMatchObject({ type, details: { sqlstate: code } });
    expect(failure.cause).toBe(error);
    expect(failure.message).toContain(`${side} database`);
    expect(failure.message).toMatch(/^[A-Z].*\.$/);
    expect(failure.message).toContain(`(SQLSTATE ${code})`);
  });

  test.each([...serverErrorClasses].flatMap((name) => [`${name}000`, `${name}77Z`]))(
    'with SQLSTATE %s, which is the server’s own, tells it in its sentence',
    (code) => expect(failureOf(side, databaseError(code)).message).toContain(`(SQLSTATE ${code})`),
  );

  test('never contains what the server said about a row', () => {
    for (const code of ['22021', '23505', '42501', '57014', '53100', '3D000', '08006', 'XX000', '57P01']) {
      const { message, hint, details } = failureOf(side, databaseError(code, { table: 'charts' }));
      for (const part of secret.split(' ')) expect(JSON.stringify([message, hint, details])).not.toContain(part);
    }
  });

  test('names table, column and constraint', () => {
    const names = { schema: 'saju', table: 'charts', column: 'user_id', constraint: 'charts_pkey' };
    expect(failureOf(side, databaseError('23505', names)).message).toContain('saju.charts.user_id.charts_pkey');
    expect(failureOf(side, databaseError('42501', { table: 'charts' })).message).toContain(
      ' on charts (SQLSTATE 42501).',
    );
  });

  test.each([
    [
      '42P01',
      '"charts" 이름의 릴레이션(relation)이 없습니다',
      `A table that is needed is missing in the ${side} database`,
    ],
    ['42P01', 'relation "saju.charts" does not exist', `The table saju.charts is missing in the ${side} database`],
    ['42P01', 'relation "saju.내 표" does not exist', `The table saju.내 표 is missing in the ${side} database`],
    ['42P01', 'missing FROM-clause entry for table "x"', `A table that is needed is missing in the ${side} database`],
    ['42703', '"memo" 이름의 칼럼은 없습니다', `A column that is needed is missing in the ${side} database`],
    ['42703', 'column "memo" does not exist', `The column memo is missing in the ${side} database`],
    ['42703', 'column t.memo does not exist', `The column t.memo is missing in the ${side} database`],
    [
      '42703',
      'column "memo" of relation "charts" does not exist',
      `The column charts.memo is missing in the ${side} database`,
    ],
    ['3F000', '"ledger" 이름의 스키마(schema)가 없음', `A schema that is needed is missing in the ${side} database`],
    ['3F000', 'schema "ledger" does not exist', `The schema ledger is missing in the ${side} database`],
  ])(
    'with SQLSTATE %s names what is missing where the server does in words that are known: %s',
    (code, message, sentence) => {
      const error = Object.assign(new pg.DatabaseError(message, 1, 'error'), { code });
      expect(failureOf(side, error).message).toBe(`${sentence} (SQLSTATE ${code}).`);
    },
  );

  test('names a missing column by the fields of the error, whatever its words', () => {
    const names = { schema: 'saju', table: 'charts', column: 'memo' };
    const error = Object.assign(new pg.DatabaseError('없음', 1, 'error'), { code: '42703', ...names });
    expect(failureOf(side, error).message).toBe(
      `The column saju.charts.memo is missing in the ${side} database (SQLSTATE 42703).`,
    );
  });

  test.each([
    ['query would be affected by row-level security policy for table "charts"', 'on table charts'],
    ['"charts" 테이블의 로우 단위 보안 정책에 의해 쿼리가 영향 받음', 'on a table'],
  ])('of a read that a policy would filter is known by where it was raised, not by its words: %s', (message, where) => {
    const error = Object.assign(new pg.DatabaseError(message, 1, 'error'), {
      code: '42501',
      routine: 'check_enable_rls',
    });
    expect(failureOf(side, error)).toMatchObject({
      type: 'permission_denied',
      message: `Row level security ${where} of the ${side} database would hide rows from the engine's role (SQLSTATE 42501).`,
    });
  });

  test('without a SQLSTATE is unexpected', () => {
    expect(failureOf(side, new pg.DatabaseError(secret, 1, 'error'))).toMatchObject({ type: 'unexpected' });
  });

  test.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOENT',
    'EACCES',
  ])('of the network, %s, is unreachable and names the code alone', (code) => {
    const failure = failureOf(side, networkError(code));
    expect(failure.type).toBe(bySide('unreachable', side));
    expect(failure.retryable).toBe(true);
    expect(failure.message).toBe(`The ${side} database cannot be reached (${code}).`);
  });

  test('of all addresses of a host is unreachable', () => {
    const failure = failureOf(side, new AggregateError([networkError('ECONNREFUSED'), networkError('ENETUNREACH')]));
    expect(failure).toMatchObject({
      type: bySide('unreachable', side),
      message: `The ${side} database cannot be reached (ECONNREFUSED).`,
    });
  });

  test.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Connection terminated',
    'timeout exceeded when trying to connect',
    'timeout expired',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
  ])('of the driver, %s, is unreachable', (message) => {
    expect(failureOf(side, new Error(message))).toMatchObject({
      type: bySide('unreachable', side),
      message: `The ${side} database cannot be reached.`,
    });
  });

  test('that is none of PostgreSQL is left to others', () => {
    for (const error of [
      new Error(secret),
      new TypeError('x is undefined'),
      networkError('EISDIR'),
      secret,
      null,
      undefined,
    ])
      expect(postgresFailure(side)(error)).toBeUndefined();
  });
});

describe('a row is refused', () => {
  test.each(['22021', '22P02', '23502', '23505', '23514', '44000', '54000', 'P0001'])('by SQLSTATE %s', (code) => {
    expect(isRowDataError(databaseError(code))).toBe(true);
  });

  test.each(
    ['08006', '40001', '42P01', '53100', '57014', '57P01', 'XX000', '2200', ''].filter((code) => code !== '2200'),
  )('not by SQLSTATE %s', (code) => {
    expect(isRowDataError(databaseError(code))).toBe(false);
  });

  test.each([
    ['English', 'COPY charts, line 56, column migrated_at'],
    ['Korean', 'charts 복사, 56번째 줄, migrated_at 열'],
  ])('for a field that is too short, whatever the server speaks: %s', (_, where) => {
    const at = (routine: string, context: string | undefined) =>
      isRowDataError(Object.assign(databaseError('08P01'), { where: context, routine }));
    expect(at('pq_copymsgbytes', where)).toBe(true);
    expect(at('pq_getmsgbyte', where)).toBe(true);
    // Another violation of the protocol, and one outside of a COPY.
    expect(at('CopyGetData', where)).toBe(false);
    expect(at('pq_copymsgbytes', undefined)).toBe(false);
  });

  test('by the server alone', () => {
    expect(isRowDataError(networkError('22021'))).toBe(false);
    expect(isRowDataError(new pg.DatabaseError(secret, 1, 'error'))).toBe(false);
    expect(isRowDataError(undefined)).toBe(false);
  });
});
