import type { KindItems } from '../../../src/kinds/kind.js';
import { rejectRows } from '../../../src/kinds/rows/repair/reject-rows.js';
import { inTransaction } from '../../../src/postgres/connect.js';
import { atSide } from '../../../src/postgres/databases.js';
import { confirmItem } from '../../../src/postgres/ledger/item-claims.js';
import { tables } from './tables.js';

/** What is done to each talisman once its row was moved: its drawing is stored, then published. */
export const drawings: KindItems = {
  list: async (_run, after, max, { databases }) => {
    const found = await atSide('cube', () =>
      databases.cube.query<{ id: string }>(
        'select id::text from crawler.talismans as row where ($1::bigint is null or id > $1) order by row.id limit $2',
        [after, max],
      ),
    );
    return found.rows.map(({ id }) => ({ table: 'talismans', id }));
  },

  do: async (claim, { databases }) => {
    const { id } = claim.item;
    const drawn = await atSide('legacy', () =>
      databases.legacy.query<{ drawing: string | null }>('select drawing from public.talismans where id = $1', [id]),
    );
    const svg = drawn.rows[0]?.drawing ?? '';
    if (!/^<svg.*<\/svg>$/s.test(svg)) return { kind: 'unfit', reason: 'drawing_unreadable', detail: 'not an SVG' };
    await atSide('cube', () =>
      inTransaction(databases.cube, async (client) => {
        await confirmItem(client, claim);
        if (claim.step === 'store')
          await client.query(
            `insert into crawler.drawings (talisman_id, svg) values ($1, $2)
             on conflict (talisman_id) do update set svg = excluded.svg`,
            [id, svg],
          );
        else
          await client.query(
            'update crawler.drawings set published_at = coalesce(published_at, now()) where talisman_id = $1',
            [id],
          );
      }),
    );
    return { kind: 'done' };
  },

  undo: async (claim, { databases }) => {
    const { id } = claim.item;
    await atSide('cube', () =>
      inTransaction(databases.cube, async (client) => {
        await confirmItem(client, claim);
        if (claim.step === 'store') await client.query('delete from crawler.drawings where talisman_id = $1', [id]);
        else await client.query('update crawler.drawings set published_at = null where talisman_id = $1', [id]);
      }),
    );
  },

  reject: (run, rejected, step) => rejectRows(tables, run, rejected, step),
};
