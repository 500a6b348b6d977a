import type pg from 'pg';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';

/**
 * Ids of results, from the sequence of legacy's table: drawn ahead, so that runs go on while legacy is away. One that was drawn and not given,
 * or given and not used, is missing in the table, as after any rolled back insert.
 */
export interface ResultIds {
  /** Draws from legacy as many as are missing of this stock. Throws the failures of both databases. */
  stockUp(stock: number): Promise<void>;
  /** So many ids, rising; undefined where the stock does not last. */
  give(count: number): Promise<readonly string[] | undefined>;
}

const stockText = 'select coalesce(sum(last - next + 1), 0)::float8 as stock from crawler.result_ids';
/** Neighbours become one row; another session may have drawn from the sequence in between. */
const drawText = `with drawn as (
    select nextval(pg_get_serial_sequence('public.crawler_results', 'id')) as id from generate_series(1, $1)
  ), placed as (
    select id, id - row_number() over (order by id) as island from drawn
  )
  select min(id)::text as next, max(id)::text as last from placed group by island order by 1`;
const keepText = `insert into crawler.result_ids (next, last)
  select * from unnest($1::bigint[], $2::bigint[])`;
const firstText = 'select next::text, last::text from crawler.result_ids order by next limit 1 for update';
const advanceText = 'update crawler.result_ids set next = $2 where next = $1';
const removeText = 'delete from crawler.result_ids where next = $1';

/** Drawn at a time: of a stock of a million a second or two. */
const maxDrawn = 100_000;

interface IdRange {
  readonly next: string;
  readonly last: string;
}

export function createResultIds(legacy: pg.Pool, cube: pg.Pool): ResultIds {
  return {
    async stockUp(stock) {
      const found = await atSide('cube', () => cube.query<{ stock: number }>(stockText));
      let missing = stock - (found.rows[0]?.stock ?? 0);
      while (missing > 0) {
        const count = Math.min(missing, maxDrawn);
        const { rows } = await atSide('legacy', () => legacy.query<IdRange>(drawText, [count]));
        const values = [rows.map(({ next }) => next), rows.map(({ last }) => last)];
        await atSide('cube', () => cube.query(keepText, values));
        missing -= count;
      }
    },
    give: (count) => atSide('cube', () => inTransaction(cube, (client) => give(client, count))),
  };
}

async function give(client: pg.ClientBase, count: number): Promise<readonly string[] | undefined> {
  // One at a time: who waited for the row of a range alone would not see the range behind one that was emptied meanwhile.
  await client.query('lock table crawler.result_ids in share row exclusive mode');
  const { rows } = await client.query<{ stock: number }>(stockText);
  if ((rows[0]?.stock ?? 0) < count) return undefined;
  const ids: string[] = [];
  while (ids.length < count) {
    const range = (await client.query<IdRange>(firstText)).rows[0];
    if (range === undefined) throw new Error('a stock has fewer ids than it had');
    const [next, last] = [BigInt(range.next), BigInt(range.last)];
    const left = BigInt(count - ids.length);
    const end = last - next + 1n < left ? last : next + left - 1n;
    for (let id = next; id <= end; id++) ids.push(String(id));
    if (end === last) await client.query(removeText, [range.next]);
    else await client.query(advanceText, [range.next, String(end + 1n)]);
  }
  return ids;
}
