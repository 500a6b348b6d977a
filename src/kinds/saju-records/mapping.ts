import type { ColumnRule } from '../../domain/migration/table-rule.js';
import {
  type BirthInfo,
  findRejectReason,
  type LegacySajuRecord,
  type SajuPillars,
} from '../../domain/saju/convert-record.js';
import { sixtyPillars } from '../../domain/saju/sexagenary.js';
import { type CopyRow, CopyRowWriter } from '../../postgres/copy-binary.js';
import type { ComparedField, ConvertedRow, RowMapping } from '../rows/row-mapping.js';

const integer = ['integer', 'smallint'];
const text = ['text', 'character varying'];
const timestamp = ['timestamp with time zone'];

const sourceColumns = [
  { name: 'id', types: ['bigint', 'integer'] },
  { name: 'user_id', types: text },
  { name: 'birth_year', types: integer },
  { name: 'birth_month', types: integer },
  { name: 'birth_day', types: integer },
  { name: 'birth_hour', types: integer },
  { name: 'birth_minute', types: integer, nullIs: '0' },
  { name: 'is_solar', types: ['boolean'] },
  { name: 'is_leap_month', types: ['boolean'], nullIs: 'false' },
  { name: 'year_pillar', types: text },
  { name: 'month_pillar', types: text },
  { name: 'day_pillar', types: text },
  { name: 'hour_pillar', types: text },
  { name: 'convention', types: ['jsonb'] },
  { name: 'interpretation', types: text },
  { name: 'created_at', types: timestamp },
  { name: 'updated_at', types: timestamp },
] as const;

const targetColumns = [
  { name: 'id', types: ['bigint'] },
  { name: 'user_id', types: ['text'] },
  { name: 'birth_info', types: ['jsonb'] },
  { name: 'saju_chart', types: ['jsonb'] },
  { name: 'convention', types: ['jsonb'] },
  { name: 'interpretation', types: ['text'] },
  { name: 'created_at', types: timestamp },
  { name: 'updated_at', types: timestamp },
  { name: 'migrated_at', types: timestamp },
] as const;

/** SQL of a source column that the contract lets be NULL and reads as something else. */
function defaulted(name: (typeof sourceColumns)[number]['name']): string {
  const column: ColumnRule | undefined = sourceColumns.find((candidate) => candidate.name === name);
  return column?.nullIs === undefined ? name : `coalesce(${name}, ${column.nullIs})`;
}

/** Replaces NULL where a chart has none, outside quotes, so that the text is no JSON and like nothing that a target can hold. */
const impossible = "'impossible'";
const sixty = `'{${sixtyPillars.join(',')}}'::text[]`;

function number(name: string): string {
  return `coalesce(${name}::text, ${impossible})`;
}

/** Only one of the sixty is put between quotes: any other text could hold quotes and backslashes, and end its value early. */
function pillar(name: string): string {
  return `case when ${name} collate "C" = any (${sixty}) then '"' || ${name} || '"' else ${impossible} end`;
}

/**
 * jsonb writes its keys by length, then by bytes; these texts are what the target must hold, spelled out in SQL. No part of
 * them is ever NULL: it would make NULL of the whole and hide the others.
 */
const birthInfoOfSource = `'{"day": ' || ${number('birth_day')} || ', "hour": ' || coalesce(birth_hour::text, 'null')
  || ', "year": ' || ${number('birth_year')} || ', "month": ' || ${number('birth_month')}
  || ', "minute": ' || ${defaulted('birth_minute')}
  || case when ${defaulted('is_leap_month')} then ', "leap_month": true' else ', "leap_month": false' end
  || ', "solar_calendar": ' || case is_solar when true then 'true' when false then 'false' else ${impossible} end || '}'`;
const sajuChartOfSource = `'{"day_pillar": ' || ${pillar('day_pillar')}
  || ', "hour_pillar": ' || case when hour_pillar is null then 'null' else ${pillar('hour_pillar')} end
  || ', "year_pillar": ' || ${pillar('year_pillar')} || ', "month_pillar": ' || ${pillar('month_pillar')} || '}'`;

const comparedFields: readonly ComparedField[] = [
  { name: 'user_id', source: 'user_id', target: 'user_id' },
  { name: 'birth_info.year', source: 'birth_year::text', target: "(birth_info -> 'year')::text" },
  { name: 'birth_info.month', source: 'birth_month::text', target: "(birth_info -> 'month')::text" },
  { name: 'birth_info.day', source: 'birth_day::text', target: "(birth_info -> 'day')::text" },
  { name: 'birth_info.hour', source: "coalesce(birth_hour::text, 'null')", target: "(birth_info -> 'hour')::text" },
  { name: 'birth_info.minute', source: `${defaulted('birth_minute')}::text`, target: "(birth_info -> 'minute')::text" },
  { name: 'birth_info.solar_calendar', source: 'is_solar::text', target: "(birth_info -> 'solar_calendar')::text" },
  {
    name: 'birth_info.leap_month',
    source: `${defaulted('is_leap_month')}::text`,
    target: "(birth_info -> 'leap_month')::text",
  },
  {
    name: 'saju_chart.year_pillar',
    source: 'to_json(year_pillar)::text',
    target: "(saju_chart -> 'year_pillar')::text",
  },
  {
    name: 'saju_chart.month_pillar',
    source: 'to_json(month_pillar)::text',
    target: "(saju_chart -> 'month_pillar')::text",
  },
  { name: 'saju_chart.day_pillar', source: 'to_json(day_pillar)::text', target: "(saju_chart -> 'day_pillar')::text" },
  {
    name: 'saju_chart.hour_pillar',
    source: "coalesce(to_json(hour_pillar)::text, 'null')",
    target: "(saju_chart -> 'hour_pillar')::text",
  },
  { name: 'birth_info', source: birthInfoOfSource, target: 'birth_info::text' },
  { name: 'saju_chart', source: sajuChartOfSource, target: 'saju_chart::text' },
  { name: 'convention', source: 'convention::text', target: 'convention::text' },
  { name: 'interpretation', source: 'interpretation', target: 'interpretation' },
  { name: 'created_at', source: 'created_at::text', target: 'created_at::text' },
  { name: 'updated_at', source: 'updated_at::text', target: 'updated_at::text' },
];

/** saju_records of the monolith, saju.charts of the cube. */
export const sajuRecordsMapping: RowMapping = {
  kind: 'saju-records',
  table: 'saju_records',
  source: { schema: 'public', table: 'saju_records', key: 'id', columns: sourceColumns },
  target: { schema: 'saju', table: 'charts', key: 'id', columns: targetColumns },
  targetColumns: targetColumns.map((column) => column.name).filter((name) => name !== 'migrated_at'),
  movedAtColumn: 'migrated_at',
  converter,
  payload,
  comparedFields,
  digestedFields: [
    { name: 'user_id', type: 'text', source: 'user_id', target: 'user_id' },
    { name: 'birth_info', type: 'text', source: birthInfoOfSource, target: 'birth_info::text' },
    { name: 'saju_chart', type: 'text', source: sajuChartOfSource, target: 'saju_chart::text' },
    { name: 'convention', type: 'text', source: 'convention::text', target: 'convention::text' },
    { name: 'interpretation', type: 'text', source: 'interpretation', target: 'interpretation' },
    { name: 'created_at', type: 'timestamp', source: 'created_at', target: 'created_at' },
    { name: 'updated_at', type: 'timestamp', source: 'updated_at', target: 'updated_at' },
  ],
};

/** The position of each source column in a row. */
const place = Object.fromEntries(sourceColumns.map(({ name }, index) => [name, index])) as Record<
  (typeof sourceColumns)[number]['name'],
  number
>;

function converter(movedAt: Buffer): (row: CopyRow) => ConvertedRow {
  const writer = new CopyRowWriter();
  return (row) => convert(row, writer, movedAt);
}

function convert(row: CopyRow, writer: CopyRowWriter, movedAt: Buffer): ConvertedRow {
  const verdict = findRejectReason(toRecord(row, unread), isTrue);
  const id = row.int64(place.id);
  if (verdict.kind === 'reject') {
    return { kind: 'reject', id, reason: verdict.reason, detail: verdict.detail, payload: payload(row) };
  }
  const { chart } = verdict;
  writer.begin(targetColumns.length);
  // Columns that the rules leave as they are lie side by side in both tables, and pass as bytes.
  writer.carry(row, place.id, place.user_id);
  writer.json(birthInfoText(chart.birth_info));
  writer.json(pillarsText(chart.saju_chart));
  writer.carry(row, place.convention, place.updated_at);
  writer.field(movedAt);
  return { kind: 'row', id, bytes: writer.finish(), source: row, warned: verdict.warnings.length > 0 };
}

/** As JSON.stringify would write it, at a third of its time: numbers and booleans only. */
function birthInfoText({ year, month, day, hour, minute, solar_calendar, leap_month }: BirthInfo): string {
  return `{"year":${year},"month":${month},"day":${day},"hour":${hour},"minute":${minute},"solar_calendar":${solar_calendar},"leap_month":${leap_month}}`;
}

/** Of the sixty pillars none holds a character that JSON would escape. */
function pillarsText({ year_pillar, month_pillar, day_pillar, hour_pillar }: SajuPillars): string {
  const hour = hour_pillar === null ? 'null' : `"${hour_pillar}"`;
  return `{"year_pillar":"${year_pillar}","month_pillar":"${month_pillar}","day_pillar":"${day_pillar}","hour_pillar":${hour}}`;
}

function payload(row: CopyRow): string {
  return JSON.stringify(toRecord(row, texts));
}

/** How the fields are read that rules do not inspect, or know the range of alone. */
interface FieldReading<Carried, Moment> {
  readonly id: (row: CopyRow) => Carried;
  readonly text: (row: CopyRow, field: number) => Carried | null;
  readonly json: (row: CopyRow, field: number) => Carried | null;
  readonly moment: (row: CopyRow, field: number) => Moment | null;
}

const texts: FieldReading<string, string> = {
  id: (row) => row.int64(place.id).toString(),
  text: (row, field) => row.text(field),
  json: (row, field) => row.json(field),
  moment: (row, field) => row.timestamp(field),
};

/** For rows that are carried: the texts are not read, and of a timestamp it is enough that it lies within the years 1 to 9999. */
const unread: FieldReading<true, boolean> = {
  id: () => true,
  text: (row, field) => (row.isNull(field) ? null : true),
  json: (row, field) => (row.isNull(field) ? null : true),
  moment: (row, field) => row.isWithinYears1To9999(field),
};

function isTrue(within: boolean): boolean {
  return within;
}

function toRecord<Carried, Moment>(
  row: CopyRow,
  read: FieldReading<Carried, Moment>,
): LegacySajuRecord<Carried, Moment> {
  return {
    id: read.id(row),
    user_id: row.text(place.user_id),
    birth_year: row.int32(place.birth_year),
    birth_month: row.int32(place.birth_month),
    birth_day: row.int32(place.birth_day),
    birth_hour: row.int32(place.birth_hour),
    birth_minute: row.int32(place.birth_minute),
    is_solar: row.boolean(place.is_solar),
    is_leap_month: row.boolean(place.is_leap_month),
    year_pillar: pillarOf(row, place.year_pillar),
    month_pillar: pillarOf(row, place.month_pillar),
    day_pillar: pillarOf(row, place.day_pillar),
    hour_pillar: pillarOf(row, place.hour_pillar),
    convention: read.json(row, place.convention),
    interpretation: read.text(row, place.interpretation),
    created_at: read.moment(row, place.created_at),
    updated_at: read.moment(row, place.updated_at),
  };
}

const pillarBytes = 6;
/** The sixty by their six bytes in UTF-8: found without decoding what nearly always is one of them. */
const pillarsByBytes: ReadonlyMap<number, string> = new Map(
  sixtyPillars.map((text) => [Buffer.from(text).readUIntBE(0, pillarBytes), text]),
);

function pillarOf(row: CopyRow, field: number): string | null {
  if (row.length(field) !== pillarBytes) return row.text(field);
  return pillarsByBytes.get(row.bytes.readUIntBE(row.start(field) + 4, pillarBytes)) ?? row.text(field);
}
