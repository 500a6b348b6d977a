import type pg from 'pg';
import type { CrawlRun } from '../domain/crawler/run.js';
import { atSide } from '../postgres/databases.js';
import type { PageValidators } from './fetching/requests.js';

/** Of pages that were extracted by other rules than the run's nothing is said: they are read anew. */
const findText = `select page.url as place, known.page_url as url, known.etag, known.last_modified as "lastModified"
  from crawler.open_runs as open cross join unnest(open.urls) as page (url)
  join crawler.validators as known
    on known.job_id = open.job_id and known.url_hash = md5(page.url)
   and known.rules_hash = md5(coalesce(open.extraction_rules::text, ''))
 where open.run_id = $1`;

interface ValidatorsRow {
  readonly place: string;
  readonly url: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** What the sites said of the pages of a run when they were fetched last, by URL. */
export async function findValidators(cube: pg.Pool, { runId }: CrawlRun): Promise<ReadonlyMap<string, PageValidators>> {
  const { rows } = await atSide('cube', () => cube.query<ValidatorsRow>(findText, [runId]));
  return new Map(rows.map(({ place, url, etag, lastModified }) => [place, { url, ...known({ etag, lastModified }) }]));
}

function known({ etag, lastModified }: Pick<ValidatorsRow, 'etag' | 'lastModified'>): PageValidators {
  return { ...(etag === null ? {} : { etag }), ...(lastModified === null ? {} : { lastModified }) };
}
