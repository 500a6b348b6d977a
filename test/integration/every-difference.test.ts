import { afterAll, beforeAll, expect, test } from 'vitest';
import { maxKey, minKey } from '../../src/domain/migration/key-range.js';
import { type LegacySajuRecord, transformSajuRecord } from '../../src/domain/saju/convert-record.js';
import { fieldMismatches } from '../../src/kinds/rows/compare/field-comparison.js';
import { compareRange, differingRows } from '../../src/kinds/rows/compare/range-comparison.js';
import { sajuRecordsMapping as mapping } from '../../src/kinds/saju-records/mapping.js';
import { type Databases, openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { timestampMicros, timestampOfMicros } from '../support/copy-rows.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { cleanRecord } from '../support/legacy-records.js';

let databases: TestDatabases;
let compared: Databases;
const everything = { after: minKey, upto: maxKey };

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
  compared = openDatabases(databases, 'cubeshift test', 2);
  await databases.legacy.query('alter table saju_records alter user_id drop not null');
  await databases.cube.query(
    mapping.targetColumns
      .filter((name) => name !== 'id')
      .map((name) => `alter table saju.charts alter ${name} drop not null`)
      .join(';'),
  );
});
afterAll(async () => {
  await compared.close();
  await databases.drop();
});

type Value = string | number | boolean | null;
type Column = keyof LegacySajuRecord;
const { min, max } = timestampMicros;
const firstOfYear1 = -63_082_281_600_000_000n;
const firstOfYear10000 = 252_455_616_000_000_000n;

/** NULL, each bound of a type and of what the contract lets pass, one step off it, and texts that could pass for others. */
const valuesOf: Readonly<Record<string, readonly Value[]>> = {
  integer: [null, -2147483648, -2147483647, -1, 0, 1, 12, 2147483646, 2147483647],
  boolean: [null, true, false],
  text: [
    ...[null, '', ' ', 'a', 'a ', 'A', 'null', 'NULL', '"', '\\', '\\"', '\u0001', '\u{10ffff}', '\u00e9', 'e\u0301'],
    ...[
      '갑자',
      '갑자 ',
      '을축',
      '\\uac11\\uc790',
      '갑자", "hour_pillar": "을축',
      '갑자", "eay_pillar": "을축',
      'x'.repeat(3000),
    ],
  ],
  jsonb: [
    null,
    'null',
    '{}',
    '[]',
    '0',
    '0.0',
    '1',
    '""',
    '"null"',
    '"0"',
    'false',
    '{"a": 1}',
    '{"a": 1.0}',
    '{"a": null}',
  ],
  'timestamp with time zone': [
    ...[null, 'infinity', '-infinity'],
    ...[
      min,
      min + 1n,
      firstOfYear1 - 1n,
      firstOfYear1,
      -1n,
      0n,
      1n,
      firstOfYear10000 - 1n,
      firstOfYear10000,
      max - 1n,
      max,
    ].map(timestampOfMicros),
  ],
};

const columns = mapping.source.columns.filter(({ name }) => name !== mapping.source.key);

interface Pair {
  readonly column: Column;
  readonly source: Value;
  readonly target: Value;
}

const pairs: readonly Pair[] = columns.flatMap(({ name, types }) => {
  const values = valuesOf[types[0] ?? ''] ?? [];
  return values.flatMap((source) => values.map((target) => ({ column: name as Column, source, target })));
});

/** The field under which a difference in a column is told. */
function fieldOf(column: Column): string {
  const names = mapping.comparedFields
    .filter(({ source }) => new RegExp(`\\b${column}\\b`).test(source))
    .map(({ name }) => name);
  return names.find((name) => name.includes('.')) ?? names[0] ?? '';
}

function isOneValue({ column, source, target }: Pair): boolean {
  const nullIs = columns.find(({ name }) => name === column)?.nullIs;
  const meant = (value: Value) =>
    value === null && nullIs !== undefined ? nullIs : value === null ? null : String(value);
  return meant(source) === meant(target);
}

async function put(rows: readonly { source: LegacySajuRecord; target: LegacySajuRecord }[]): Promise<void> {
  const names = mapping.source.columns.map(({ name }) => name);
  await databases.legacy.query('truncate saju_records');
  await databases.legacy.query(
    `insert into saju_records (${names.join(', ')})
     select ${mapping.source.columns.map(({ name, types }) => `(row ->> '${name}')::${types[0]}`).join(', ')}
       from unnest($1::jsonb[]) as row`,
    [rows.map(({ source }) => JSON.stringify(source))],
  );
  await databases.cube.query('truncate saju.charts');
  await databases.cube.query(
    `insert into saju.charts (id, user_id, birth_info, saju_chart, convention, interpretation, created_at, updated_at)
     select (row ->> 'id')::bigint, row ->> 'user_id', row -> 'birth_info', row -> 'saju_chart', (row ->> 'convention')::jsonb,
            row ->> 'interpretation', (row ->> 'created_at')::timestamptz, (row ->> 'updated_at')::timestamptz
       from unnest($1::jsonb[]) as row`,
    [rows.map(({ target }) => JSON.stringify(chartOf(target)))],
  );
}

/** As the contract lays it out, with whatever values: written apart from the engine. */
function chartOf(record: LegacySajuRecord) {
  const { id, user_id, convention, interpretation, created_at, updated_at } = record;
  const birth_info = {
    year: record.birth_year,
    month: record.birth_month,
    day: record.birth_day,
    hour: record.birth_hour,
    minute: record.birth_minute ?? 0,
    solar_calendar: record.is_solar,
    leap_month: record.is_leap_month ?? false,
  };
  const { year_pillar, month_pillar, day_pillar, hour_pillar } = record;
  const saju_chart = { year_pillar, month_pillar, day_pillar, hour_pillar };
  return { id, user_id, birth_info, saju_chart, convention, interpretation, created_at, updated_at };
}

/** What a comparison of everything names, field by field, in the order of the ids. */
async function found(): Promise<Map<string, string[]>> {
  const differences = await differingRows(compared, mapping, everything, []);
  const { mismatches } = await fieldMismatches(compared, mapping, differences);
  const fields = new Map(differences.map(({ id }): [string, string[]] => [id.toString(), []]));
  for (const { sourceId, field } of mismatches) fields.get(sourceId.toString())?.push(field);
  return fields;
}

test('every two values of every source column differ, in the field they are in', async () => {
  const different = pairs.filter((pair) => !isOneValue(pair));
  expect(different.length).toBeGreaterThan(3000);
  await put(
    different.map(({ column, source, target }, place) => ({
      source: { ...cleanRecord, id: String(place + 1), [column]: source },
      target: { ...cleanRecord, id: String(place + 1), [column]: target },
    })),
  );
  const fields = await found();
  const missed = different.filter((_, place) => !fields.has(String(place + 1)));
  expect(missed).toEqual([]);
  const told = different.map(({ column }, place) => [column, fields.get(String(place + 1))]);
  expect(told).toEqual(different.map(({ column }) => [column, [fieldOf(column)]]));
});

test('a value is equal to itself, and to the NULL that the contract reads as it', async () => {
  expect(columns.filter(({ nullIs }) => nullIs !== undefined)).toMatchObject([
    { name: 'birth_minute', nullIs: '0' },
    { name: 'is_leap_month', nullIs: 'false' },
  ]);
  const same = pairs
    .filter(isOneValue)
    .map(({ column, source, target }, place) => ({
      source: { ...cleanRecord, id: String(place + 1), [column]: source },
      target: { ...cleanRecord, id: String(place + 1), [column]: target },
    }))
    .filter(({ source }) => transformSajuRecord(source).kind === 'chart');
  expect(same.length).toBeGreaterThan(60);
  await put(same);
  expect(await found()).toEqual(new Map());
  expect(await compareRange(compared, mapping, everything, [])).toMatchObject({ equal: true, sourceRows: same.length });
});

test('a row that must be a reject is like nothing that a target can hold', async () => {
  const rejected = pairs
    .filter(({ source, target }) => source === target)
    .map(({ column, source }, place) => ({ ...cleanRecord, id: String(place + 1), [column]: source }))
    // Numbers and times out of their bounds can be written to both sides, and are the same there.
    .filter((record) => {
      const verdict = transformSajuRecord(record);
      return (
        verdict.kind === 'reject' &&
        !/out of range|not 0 to|no such|without birth_hour|user_id|created_at/.test(verdict.detail)
      );
    });
  expect(rejected.length).toBeGreaterThan(50);
  await put(rejected.map((record) => ({ source: record, target: record })));
  expect((await found()).size).toBe(rejected.length);
});

test('every change of a key of a JSON column of the target is found: missing, NULL, of another type or form', async () => {
  const clean = chartOf(cleanRecord);
  const changes = (['birth_info', 'saju_chart'] as const).flatMap((column) => {
    const value: Readonly<Record<string, Value>> = clean[column];
    const parts = Object.entries(value).flatMap(([key, part]) => {
      const { [key]: _, ...without } = value;
      const text = JSON.stringify(part);
      const others = [null, [part], { [key]: part }, String(part), '', 0, 1, true, false, `${part}0`].map((other) =>
        JSON.stringify(other),
      );
      const forms =
        typeof part === 'number' ? [`${part}.0`, `${part}.00`, String(part + 1), String(part - 1), String(-part)] : [];
      const changed = [...others, ...forms].filter((other) => other !== text);
      const name = `${column}.${key}`;
      return [
        { column, name, json: JSON.stringify(without) },
        ...changed.map((other) => ({
          column,
          name,
          json: JSON.stringify({ ...value, [key]: '@' }).replace('"@"', other),
        })),
        { column, name: column, json: JSON.stringify({ ...value, [`${key}_`]: part }) },
      ];
    });
    return [
      ...parts,
      ...['{}', '[]', 'null', '""', JSON.stringify([value]), null].map((json) => ({ column, name: undefined, json })),
    ];
  });
  await put(
    changes.map((_, place) => ({
      source: { ...cleanRecord, id: String(place + 1) },
      target: { ...cleanRecord, id: String(place + 1) },
    })),
  );
  expect(await found()).toEqual(new Map());
  for (const column of ['birth_info', 'saju_chart'] as const) {
    const ofColumn = changes
      .map((change, place) => ({ ...change, id: String(place + 1) }))
      .filter((change) => change.column === column);
    await databases.cube.query(
      `update saju.charts set ${column} = change.json::jsonb from unnest($1::bigint[], $2::text[]) as change (id, json) where charts.id = change.id`,
      [ofColumn.map(({ id }) => id), ofColumn.map(({ json }) => json)],
    );
  }
  const fields = await found();
  for (const [place, { name, json, column }] of changes.entries()) {
    const told = fields.get(String(place + 1));
    expect(told, `${column} = ${json}`).toBeDefined();
    if (name !== undefined) expect(told, json ?? '').toEqual([name]);
  }
});
