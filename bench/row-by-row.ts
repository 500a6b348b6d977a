import type pg from 'pg';
import { type LegacySajuRecord, transformSajuRecord } from '../src/domain/saju/convert-record.js';
import { type Contender, limitMillis } from './contender.js';
import { withClient } from './lab.js';
import { timed } from './peers.js';

const batchSize = 1000;

const page = `select id::text, user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute, is_solar, is_leap_month,
    year_pillar, month_pillar, day_pillar, hour_pillar, convention::text, interpretation, created_at::text, updated_at::text
  from saju_records order by id offset $1 limit ${batchSize}`;

const insert = {
  name: 'insert-chart',
  text: `insert into saju.charts (id, user_id, birth_info, saju_chart, convention, interpretation, created_at, updated_at, migrated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, now())`,
} as const;

/**
 * The strategy document's own way: a count, then pages of a thousand by offset, each row transformed and inserted by a
 * statement of its own. Kinder to it than its text: one transaction a page instead of one a row, a prepared statement,
 * and the log of success and failure written once a page. Its check of each row looks at memory only and costs nothing.
 */
export const rowByRow: Contender = {
  name: 'row by row, pages of 1000',
  run: (source, target) =>
    timed(() =>
      withClient(source.url, async (legacy) => {
        await legacy.query("set timezone = 'UTC'");
        await withClient(target.url, async (cube) => {
          await cube.query('create table migration_log (id bigint not null, success boolean not null)');
          const total = await legacy.query<{ rows: string }>('select count(*) as rows from saju_records');
          const deadline = performance.now() + limitMillis(source);
          for (let offset = 0; offset < Number(total.rows[0]?.rows ?? 0); offset += batchSize) {
            const { rows } = await legacy.query<LegacySajuRecord>({ name: 'page', text: page, values: [offset] });
            await movePage(cube, rows);
            if (performance.now() > deadline) throw new Error('Row by row took longer than anything should.');
          }
        });
      }),
    ),
};

async function movePage(cube: pg.Client, records: readonly LegacySajuRecord[]): Promise<void> {
  const moved: boolean[] = [];
  await cube.query('begin');
  for (const record of records) {
    const verdict = transformSajuRecord(record);
    moved.push(verdict.kind === 'chart');
    if (verdict.kind !== 'chart') continue;
    const { chart } = verdict;
    const values = [
      chart.id,
      chart.user_id,
      JSON.stringify(chart.birth_info),
      JSON.stringify(chart.saju_chart),
      chart.convention,
      chart.interpretation,
      chart.created_at,
      chart.updated_at,
    ];
    await cube.query({ ...insert, values });
  }
  await cube.query('insert into migration_log select * from unnest($1::bigint[], $2::boolean[])', [
    records.map((record) => record.id),
    moved,
  ]);
  await cube.query('commit');
}
