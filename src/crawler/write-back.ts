import type pg from 'pg';
import { atSide } from '../postgres/databases.js';

/** Results of the cube that legacy's table does not have yet are written there, under the same ids. */
export interface WriteBack {
  /** Writes some of those behind an id; the id to go on behind, or null where there were no more. Throws the failures of both databases. */
  writeSome(after: string): Promise<WrittenBack>;
}

export interface WrittenBack {
  readonly written: number;
  readonly next: string | null;
  /** Ids under which legacy has something else: these stay as they are. */
  readonly taken: readonly string[];
}

interface ResultRow {
  readonly id: string;
  readonly job_id: string;
  readonly url: string;
  readonly content: string;
  readonly crawled_at: string;
}

const perStep = 200;
const columns = 'id::text, job_id::text, url, content::text, crawled_at::text';
const waitingText = `select ${columns} from crawler.results
  where run_id is not null and written_back_at is null and id > $1 order by results.id limit ${perStep}`;
/** A job that legacy does not have has no results there. */
const writeText = `insert into public.crawler_results (id, job_id, url, content, crawled_at)
  select id, job_id, url, content, crawled_at
    from unnest($1::bigint[], $2::bigint[], $3::text[], $4::jsonb[], $5::timestamptz[]) as result (id, job_id, url, content, crawled_at)
   where exists (select from public.crawler_jobs as job where job.id = result.job_id)
  on conflict (id) do nothing`;
const readText = `select ${columns} from public.crawler_results where id = any($1::bigint[])`;
const writtenText = 'update crawler.results set written_back_at = now() where id = any($1::bigint[])';

export function createWriteBack(legacy: pg.Pool, cube: pg.Pool): WriteBack {
  return {
    async writeSome(after) {
      const { rows } = await atSide('cube', () => cube.query<ResultRow>(waitingText, [after]));
      if (rows.length === 0) return { written: 0, next: null, taken: [] };
      const ids = rows.map(({ id }) => id);
      const values = (['job_id', 'url', 'content', 'crawled_at'] as const).map((name) => rows.map((row) => row[name]));
      const there = await atSide('legacy', async () => {
        await legacy.query(writeText, [ids, ...values]);
        return new Map((await legacy.query<ResultRow>(readText, [ids])).rows.map((row) => [row.id, row]));
      });
      const written = rows.filter((row) => isSame(row, there.get(row.id))).map(({ id }) => id);
      const done = new Set(written);
      await atSide('cube', () => cube.query(writtenText, [written]));
      const taken = ids.filter((id) => there.has(id) && !done.has(id));
      return { written: written.length, next: rows.length < perStep ? null : (ids.at(-1) ?? null), taken };
    },
  };
}

function isSame(row: ResultRow, other: ResultRow | undefined): boolean {
  return (
    other !== undefined &&
    row.job_id === other.job_id &&
    row.url === other.url &&
    row.content === other.content &&
    row.crawled_at === other.crawled_at
  );
}
