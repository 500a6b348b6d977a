import { type LegacySajuRecord, transformSajuRecord } from '../domain/saju-records.js';
import { copyField } from './copy-text.js';
import type { ComparedField, ConvertedRow, RowMapping } from './row-mapping.js';

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
  { name: 'birth_minute', types: integer },
  { name: 'is_solar', types: ['boolean'] },
  { name: 'is_leap_month', types: ['boolean'] },
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

/** jsonb writes its keys by length, then by bytes; these texts are what the target must hold, spelled out in SQL. */
const birthInfoOfSource = `'{"day": ' || birth_day || ', "hour": ' || coalesce(birth_hour::text, 'null') || ', "year": ' || birth_year
  || ', "month": ' || birth_month || ', "minute": ' || coalesce(birth_minute, 0)
  || case when coalesce(is_leap_month, false) then ', "leap_month": true' else ', "leap_month": false' end
  || case when is_solar then ', "solar_calendar": true}' else ', "solar_calendar": false}' end`;
const sajuChartOfSource = `'{"day_pillar": "' || day_pillar || '", "hour_pillar": ' || coalesce('"' || hour_pillar || '"', 'null')
  || ', "year_pillar": "' || year_pillar || '", "month_pillar": "' || month_pillar || '"}'`;

const comparedFields: readonly ComparedField[] = [
  { name: 'user_id', source: 'user_id', target: 'user_id' },
  { name: 'birth_info.year', source: 'birth_year::text', target: "(birth_info -> 'year')::text" },
  { name: 'birth_info.month', source: 'birth_month::text', target: "(birth_info -> 'month')::text" },
  { name: 'birth_info.day', source: 'birth_day::text', target: "(birth_info -> 'day')::text" },
  { name: 'birth_info.hour', source: "coalesce(birth_hour::text, 'null')", target: "(birth_info -> 'hour')::text" },
  { name: 'birth_info.minute', source: 'coalesce(birth_minute, 0)::text', target: "(birth_info -> 'minute')::text" },
  { name: 'birth_info.solar_calendar', source: 'is_solar::text', target: "(birth_info -> 'solar_calendar')::text" },
  {
    name: 'birth_info.leap_month',
    source: 'coalesce(is_leap_month, false)::text',
    target: "(birth_info -> 'leap_month')::text",
  },
  {
    name: 'saju_chart.year_pillar',
    source: `'"' || year_pillar || '"'`,
    target: "(saju_chart -> 'year_pillar')::text",
  },
  {
    name: 'saju_chart.month_pillar',
    source: `'"' || month_pillar || '"'`,
    target: "(saju_chart -> 'month_pillar')::text",
  },
  { name: 'saju_chart.day_pillar', source: `'"' || day_pillar || '"'`, target: "(saju_chart -> 'day_pillar')::text" },
  {
    name: 'saju_chart.hour_pillar',
    source: `coalesce('"' || hour_pillar || '"', 'null')`,
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
  source: { schema: 'public', table: 'saju_records', key: 'id', columns: sourceColumns },
  target: { schema: 'saju', table: 'charts', key: 'id', columns: targetColumns },
  targetColumns: targetColumns.map((column) => column.name).filter((name) => name !== 'migrated_at'),
  movedAtColumn: 'migrated_at',
  convert,
  payload: (fields) => JSON.stringify(toRecord(fields)),
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

function convert(fields: readonly (string | null)[]): ConvertedRow {
  const record = toRecord(fields);
  const verdict = transformSajuRecord(record);
  const id = BigInt(record.id);
  if (verdict.kind === 'reject') {
    return { kind: 'reject', id, reason: verdict.reason, detail: verdict.detail, payload: JSON.stringify(record) };
  }
  const { chart } = verdict;
  const line = [
    chart.id,
    copyField(chart.user_id),
    JSON.stringify(chart.birth_info),
    JSON.stringify(chart.saju_chart),
    copyField(chart.convention),
    copyField(chart.interpretation),
    chart.created_at,
    chart.updated_at ?? '\\N',
  ].join('\t');
  return { kind: 'row', id, line, fields, warned: verdict.warnings.length > 0 };
}

/** The fields of `sourceColumns`, in their order. */
function toRecord(fields: readonly (string | null)[]): LegacySajuRecord {
  const field = (place: number) => fields[place] ?? null;
  return {
    id: field(0) ?? '',
    user_id: field(1),
    birth_year: numberOf(field(2)),
    birth_month: numberOf(field(3)),
    birth_day: numberOf(field(4)),
    birth_hour: numberOf(field(5)),
    birth_minute: numberOf(field(6)),
    is_solar: booleanOf(field(7)),
    is_leap_month: booleanOf(field(8)),
    year_pillar: field(9),
    month_pillar: field(10),
    day_pillar: field(11),
    hour_pillar: field(12),
    convention: field(13),
    interpretation: field(14),
    created_at: field(15),
    updated_at: field(16),
  };
}

function numberOf(field: string | null): number | null {
  return field === null ? null : Number(field);
}

function booleanOf(field: string | null): boolean | null {
  return field === null ? null : field === 't';
}
