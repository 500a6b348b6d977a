import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConvertedRow, RowMapping } from '../../src/kinds/rows/row-mapping.js';
import { sajuRecordsMapping } from '../../src/kinds/saju-records/mapping.js';
import {
  framedRow,
  microsOfTimestamp,
  movedAt,
  targetRow,
  targetTexts,
  timestampOfMicros,
} from '../support/copy-rows.js';
import { damageableRow } from '../support/damages.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { RowsRun } from '../support/rows-run.js';

let databases: TestDatabases;
let victim: string;
let runs = 0;

beforeAll(async () => {
  databases = await createDatabases(500);
  const rows = await databases.legacy.query<{ id: string }>(
    `select id from saju_records where ${damageableRow} order by id`,
  );
  victim = rows.rows.map((row) => row.id).find((id) => !databases.rejected.has(id)) ?? '';
});
afterAll(() => databases.drop());

/** Changes one column of one converted row; none of them is NULL before. */
type Mutation = (field: string) => string | null;

const json =
  (key: string, change: (value: unknown) => unknown): Mutation =>
  (field) => {
    const value = JSON.parse(field) as Record<string, unknown>;
    return JSON.stringify({ ...value, [key]: change(value[key]) });
  };
const next = (value: unknown) => (value === null ? 0 : Number(value) + 1);
const otherPillar = (value: unknown) => (value === '갑자' ? '을축' : '갑자');
const oneMicrosecondOff: Mutation = (field) => timestampOfMicros(microsOfTimestamp(field) + 1n);

const mutations: readonly (readonly [field: string, column: string, change: Mutation])[] = [
  ['user_id', 'user_id', (field) => field.toUpperCase()],
  ['birth_info.year', 'birth_info', json('year', next)],
  ['birth_info.month', 'birth_info', json('month', next)],
  ['birth_info.day', 'birth_info', json('day', next)],
  ['birth_info.hour', 'birth_info', json('hour', next)],
  ['birth_info.hour', 'birth_info', json('hour', () => null)],
  ['birth_info.minute', 'birth_info', json('minute', () => null)],
  ['birth_info.solar_calendar', 'birth_info', json('solar_calendar', (value) => value !== true)],
  ['birth_info.leap_month', 'birth_info', json('leap_month', () => null)],
  ['saju_chart.year_pillar', 'saju_chart', json('year_pillar', otherPillar)],
  ['saju_chart.month_pillar', 'saju_chart', json('month_pillar', otherPillar)],
  ['saju_chart.day_pillar', 'saju_chart', json('day_pillar', otherPillar)],
  ['saju_chart.hour_pillar', 'saju_chart', json('hour_pillar', () => null)],
  ['birth_info', 'birth_info', json('second', () => 0)],
  ['saju_chart', 'saju_chart', json('element', () => '')],
  ['convention', 'convention', () => null],
  ['interpretation', 'interpretation', (field) => field.trimEnd().slice(0, -1)],
  ['interpretation', 'interpretation', () => null],
  ['created_at', 'created_at', oneMicrosecondOff],
  ['updated_at', 'updated_at', oneMicrosecondOff],
  ['updated_at', 'updated_at', () => null],
];

type Carried = ConvertedRow & { readonly kind: 'row' };

/** The mapping with a transform that makes something else of the victim. */
function mutant(spoil: (row: Carried) => ConvertedRow): RowMapping {
  return {
    ...sajuRecordsMapping,
    converter: (movedAt) => {
      const convert = sajuRecordsMapping.converter(movedAt);
      return (source) => {
        const row = convert(source);
        return row.kind === 'row' && row.id.toString() === victim ? spoil(row) : row;
      };
    },
  };
}

function mutateColumn(column: string, change: Mutation): RowMapping {
  return mutant((row) => {
    const texts = targetTexts(row.bytes);
    const movedField = row.bytes.subarray(-movedAt.length);
    expect(targetRow(texts, movedField)).toEqual(row.bytes);
    const field = texts[column];
    if (typeof field !== 'string') throw new Error(`${column} is NULL`);
    const changed = change(field);
    expect(changed).not.toBe(field);
    return { ...row, bytes: targetRow({ ...texts, [column]: changed }, movedField) };
  });
}

async function verdictOn(mapping: RowMapping) {
  const run = await RowsRun.open(databases, `mutant-${++runs}`);
  try {
    await run.copy({ mapping });
    return await run.verify();
  } finally {
    await run.rollBack();
    await run.close();
  }
}

test('the transform as it is leaves nothing to find', async () => {
  expect(await verdictOn(sajuRecordsMapping)).toMatchObject({ clean: true, compared: 495, rejected: 5 });
});

describe('a transform that spoils one field of one row is found:', () => {
  test.each(
    mutations.map(([field, column, change], place) => ({ field, column, change, name: `${place + 1} ${field}` })),
  )('$name', async ({ field, column, change }) => {
    const verdict = await verdictOn(mutateColumn(column, change));
    expect(verdict).toMatchObject({ clean: false, mismatched: 1, found: [`${victim} ${field}`] });
  });
});

test('a transform that gives a row another id is found on both ids', async () => {
  const moved = '7000000000000000000';
  const mapping = mutant((row) => ({ ...row, bytes: targetRow({ ...targetTexts(row.bytes), id: moved }) }));
  const run = await RowsRun.open(databases, `mutant-${++runs}`);
  await run.copy({ mapping });
  expect((await run.verify()).found).toEqual([`${victim} missing row`, `${moved} extra row`]);
  await run.rollBack();
  await run.close();
  await databases.cube.query('delete from saju.charts');
});

test('only the ledger, which keeps the row, shows a transform that rejects a good row', async () => {
  const mapping = mutant((row) => ({
    kind: 'reject',
    id: row.id,
    reason: 'date_invalid',
    detail: 'wrongly',
    payload: '{}',
  }));
  const run = await RowsRun.open(databases, `mutant-${++runs}`);
  expect(await run.copy({ mapping })).toEqual({ migrated: 494, rejected: 6 });
  expect(await run.verify()).toMatchObject({ clean: true, compared: 494, rejected: 6 });
  await run.retryRejects();
  expect(await run.verify()).toMatchObject({ clean: true, compared: 495, rejected: 5 });
  await run.rollBack();
  await run.close();
});

test('a transform that gives nothing, not even the time of the move, is found', async () => {
  const verdict = await verdictOn(mutant((row) => ({ ...row, bytes: Buffer.alloc(0) })));
  expect(verdict).toMatchObject({ clean: true, compared: 494, rejected: 6 });
});

describe('a transform that gives no row but', () => {
  test.each<{ what: string; spoil: (bytes: Buffer) => Buffer }>([
    { what: 'nothing at all', spoil: () => Buffer.alloc(0) },
    { what: 'a row of one field', spoil: () => framedRow([Buffer.from('x')]) },
    { what: 'a row that is cut short', spoil: (bytes) => bytes.subarray(0, -1) },
    { what: 'bytes behind the row', spoil: (bytes) => Buffer.concat([bytes, Buffer.of(0)]) },
    { what: 'the end of the stream', spoil: () => Buffer.of(0xff, 0xff) },
  ])('$what is found', async ({ spoil }) => {
    const verdict = await verdictOn(
      mutant((row) => {
        const [before, moved] = [row.bytes.subarray(0, -movedAt.length), row.bytes.subarray(-movedAt.length)];
        return { ...row, bytes: Buffer.concat([spoil(before), moved]) };
      }),
    );
    // The target refuses such a row, or counts another number of them: it becomes a reject and is never lost in silence, nor are its neighbours.
    expect(verdict).toMatchObject({ clean: true, compared: 494, rejected: 6 });
  });
});
