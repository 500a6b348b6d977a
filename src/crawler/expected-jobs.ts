import type pg from 'pg';
import type { ExpectedJob } from '../domain/crawler/expected-results.js';
import { atSide } from '../postgres/databases.js';

const jobsText = `select cardinality(target_urls) as urls, coalesce((rate_limiting->>'requests_per_minute')::float8, 60) as "ratePerMinute",
    calendars from crawler.jobs where runner = 'cube' and status <> 'paused'`;

/** The jobs that the cube runs, as far as it matters how many results they bring. Throws the failures of the cube database. */
export async function readExpectedJobs(cube: pg.Pool): Promise<readonly ExpectedJob[]> {
  return atSide('cube', async () => (await cube.query<ExpectedJob>(jobsText)).rows);
}
