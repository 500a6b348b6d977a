import type pg from 'pg';

/** One kind of damage done to the target (or, after the copy, to the source) by hand. */
export interface Damage {
  readonly name: string;
  /** Does the damage to the row of `id`; `other` is the id of another row, `hole` an id that nobody has. */
  readonly inflict: (databases: { legacy: pg.Pool; cube: pg.Pool }, ids: DamagedIds) => Promise<unknown>;
  /** What a verification must name, as `id field`. */
  readonly found: (ids: DamagedIds) => readonly string[];
}

export interface DamagedIds {
  readonly id: string;
  readonly other: string;
  readonly hole: string;
}

/** A clean row, so that each damage makes a difference: hour and hour pillar known, an interpretation, an update. */
export const damageableRow = `birth_hour between 1 and 22 and hour_pillar is not null and birth_minute is null and updated_at is not null
  and jsonb_typeof(convention) = 'object' and length(interpretation) between 10 and 2000 and is_solar`;

function changed(name: string, assignment: string, ...fields: readonly string[]): Damage {
  return {
    name,
    inflict: ({ cube }, { id }) => cube.query(`update saju.charts set ${assignment} where id = $1`, [id]),
    found: ({ id }) => fields.map((field) => `${id} ${field}`),
  };
}

function inJson(column: 'birth_info' | 'saju_chart', key: string, value: string): Damage {
  return changed(
    `${column}.${key} changed`,
    `${column} = jsonb_set(${column}, '{${key}}', ${value})`,
    `${column}.${key}`,
  );
}

function extraRow(name: string, idOf: (ids: DamagedIds) => string): Damage {
  return {
    name,
    inflict: ({ cube }, ids) =>
      cube.query(
        `insert into saju.charts select $1, user_id, birth_info, saju_chart, convention, interpretation, created_at, updated_at, migrated_at
           from saju.charts where id = $2`,
        [idOf(ids), ids.other],
      ),
    found: (ids) => [`${idOf(ids)} extra row`],
  };
}

const otherPillar = (key: string) => `case saju_chart ->> '${key}' when '갑자' then '"을축"' else '"갑자"' end::jsonb`;

/** Ids that no generated row comes near. */
const beforeTheFirst = '-5';
const beyondTheLast = '8000000000000000000';

export const damages: readonly Damage[] = [
  changed('user_id changed', "user_id = user_id || 'x'", 'user_id'),
  changed('user_id with a trailing space', "user_id = user_id || ' '", 'user_id'),
  inJson('birth_info', 'year', `to_jsonb((birth_info ->> 'year')::int + 1)`),
  inJson('birth_info', 'month', `to_jsonb((birth_info ->> 'month')::int % 12 + 1)`),
  inJson('birth_info', 'day', `to_jsonb((birth_info ->> 'day')::int % 28 + 1)`),
  inJson('birth_info', 'hour', `to_jsonb((birth_info ->> 'hour')::int + 1)`),
  inJson('birth_info', 'minute', `'1'`),
  inJson('birth_info', 'solar_calendar', `'false'`),
  inJson('birth_info', 'leap_month', `'true'`),
  inJson('saju_chart', 'year_pillar', otherPillar('year_pillar')),
  inJson('saju_chart', 'month_pillar', otherPillar('month_pillar')),
  inJson('saju_chart', 'day_pillar', otherPillar('day_pillar')),
  inJson('saju_chart', 'hour_pillar', otherPillar('hour_pillar')),
  changed('convention changed', `convention = '{"clock": "lmt"}'`, 'convention'),
  changed('convention JSON null instead of a value', "convention = 'null'", 'convention'),
  changed('convention NULL instead of a value', 'convention = null', 'convention'),
  changed('interpretation cut by one character', 'interpretation = left(interpretation, -1)', 'interpretation'),
  changed('interpretation with a trailing space', "interpretation = interpretation || ' '", 'interpretation'),
  changed('interpretation empty', "interpretation = ''", 'interpretation'),
  changed('interpretation NULL', 'interpretation = null', 'interpretation'),
  changed('interpretation decomposed', 'interpretation = normalize(interpretation, NFD)', 'interpretation'),
  changed('created_at one microsecond later', "created_at = created_at + interval '1 microsecond'", 'created_at'),
  changed('updated_at one microsecond earlier', "updated_at = updated_at - interval '1 microsecond'", 'updated_at'),
  changed('updated_at NULL', 'updated_at = null', 'updated_at'),
  changed('hour null instead of a number', `birth_info = jsonb_set(birth_info, '{hour}', 'null')`, 'birth_info.hour'),
  changed('number 0.0 instead of 0', `birth_info = jsonb_set(birth_info, '{minute}', '0.0')`, 'birth_info.minute'),
  changed(
    'number as text',
    `birth_info = jsonb_set(birth_info, '{day}', to_jsonb(birth_info ->> 'day'))`,
    'birth_info.day',
  ),
  changed('extra key in birth_info', `birth_info = birth_info || '{"second": 0}'`, 'birth_info'),
  changed('extra key in saju_chart', `saju_chart = saju_chart || '{"note": ""}'`, 'saju_chart'),
  changed('key missing in birth_info', `birth_info = birth_info - 'leap_month'`, 'birth_info.leap_month'),
  changed('key missing in saju_chart', `saju_chart = saju_chart - 'day_pillar'`, 'saju_chart.day_pillar'),
  {
    name: 'NULL where the source has empty text',
    inflict: async ({ legacy, cube }, { id }) => {
      await legacy.query("update saju_records set interpretation = '' where id = $1", [id]);
      await cube.query('update saju.charts set interpretation = null where id = $1', [id]);
    },
    found: ({ id }) => [`${id} interpretation`],
  },
  {
    name: 'a field changed in legacy after the copy',
    inflict: ({ legacy }, { id }) =>
      legacy.query("update saju_records set user_id = user_id || '-later' where id = $1", [id]),
    found: ({ id }) => [`${id} user_id`],
  },
  {
    name: 'missing row',
    inflict: ({ cube }, { id }) => cube.query('delete from saju.charts where id = $1', [id]),
    found: ({ id }) => [`${id} missing row`],
  },
  {
    name: 'row added in legacy after the copy',
    inflict: ({ legacy }, { hole, other }) =>
      legacy.query(
        `insert into saju_records select $1, user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute, is_solar, is_leap_month,
           year_pillar, month_pillar, day_pillar, hour_pillar, convention, interpretation, created_at, updated_at
           from saju_records where id = $2`,
        [hole, other],
      ),
    found: ({ hole }) => [`${hole} missing row`],
  },
  {
    name: 'row deleted in legacy after the copy',
    inflict: ({ legacy }, { id }) => legacy.query('delete from saju_records where id = $1', [id]),
    found: ({ id }) => [`${id} extra row`],
  },
  extraRow('extra row in a hole of the ids', ({ hole }) => hole),
  extraRow('extra row before the first id', () => beforeTheFirst),
  extraRow('extra row beyond the last id', () => beyondTheLast),
  extraRow('extra row at the greatest id there can be', () => '9223372036854775807'),
  extraRow('extra row at the least id there can be', () => '-9223372036854775808'),
  {
    name: 'two rows swapped',
    inflict: async ({ cube }, { id, other }) => {
      await cube.query('update saju.charts set id = -1 where id = $1', [id]);
      await cube.query('update saju.charts set id = $1 where id = $2', [id, other]);
      await cube.query('update saju.charts set id = $1 where id = -1', [other]);
    },
    // Which fields differ depends on the rows; the creation time to the microsecond always does.
    found: ({ id, other }) => [id, other].map((swapped) => `${swapped} created_at`),
  },
];
