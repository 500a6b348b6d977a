import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { expect } from 'vitest';
import type { TestDatabases } from './databases.js';

/**
 * Reads both databases whole and expects the target to hold exactly what the source holds, less what the generator says
 * must be rejected. Written apart from the engine: plain rows, compared in JavaScript.
 */
export async function expectTargetEqualsSource(databases: TestDatabases): Promise<void> {
  const source = await databases.legacy.query<Record<string, unknown>>(
    `select *, created_at::text as created_at, updated_at::text as updated_at, convention::text as convention
       from saju_records order by id`,
  );
  const expected = source.rows
    .filter((row) => !databases.rejected.has(String(row.id)))
    .map((row) => ({
      id: String(row.id),
      user_id: row.user_id,
      birth_info: {
        year: row.birth_year,
        month: row.birth_month,
        day: row.birth_day,
        hour: row.birth_hour,
        minute: row.birth_minute ?? 0,
        solar_calendar: row.is_solar,
        leap_month: row.is_leap_month ?? false,
      },
      saju_chart: {
        year_pillar: row.year_pillar,
        month_pillar: row.month_pillar,
        day_pillar: row.day_pillar,
        hour_pillar: row.hour_pillar,
      },
      convention: row.convention,
      interpretation: row.interpretation,
      created_at: row.created_at,
      updated_at: row.updated_at,
    }));
  const found = await targetRows(databases.cube);
  expect(found.length).toBe(expected.length);
  const different = expected.findIndex((row, place) => !isDeepStrictEqual(found[place], row));
  expect(found[different]).toStrictEqual(expected[different]);
}

/** The rejects of a run are exactly those that the generator foretold, with their reasons. */
export async function expectRejectsAsForetold(databases: TestDatabases, migrationId: string): Promise<void> {
  const found = await databases.cube.query<{ id: string; reason: string }>(
    `select source_id::text as id, reason from ledger.rejects where migration_id = $1 and resolution in ('open', 'accepted')`,
    [migrationId],
  );
  expect(new Map(found.rows.map((row) => [row.id, row.reason]))).toEqual(databases.rejected);
}

async function targetRows(cube: pg.Pool): Promise<Record<string, unknown>[]> {
  const found = await cube.query<Record<string, unknown>>(
    `select id, user_id, birth_info, saju_chart, convention::text as convention, interpretation,
            created_at::text as created_at, updated_at::text as updated_at from saju.charts order by id`,
  );
  return found.rows;
}
