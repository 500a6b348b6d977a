import type { Kind } from '../../../src/kinds/kind.js';
import { createRowsKind } from '../../../src/kinds/rows/rows-kind.js';
import { atSide } from '../../../src/postgres/databases.js';
import { drawings } from './drawings.js';
import { tables } from './tables.js';

const rows = createRowsKind(tables);

/** Plan `items`, cube `crawler-cube`, schema `crawler`: talismans with their orders, and what is drawn on each. */
export const talismans: Kind = {
  ...rows,
  items: drawings,

  // What is kept of a drawing in the cube alone is settled before the rows are handed over: done again it changes nothing.
  handOver: async (run, step) => {
    await atSide('cube', () =>
      step.databases.cube.query(
        'update crawler.drawings set accepted_at = now() where published_at is not null and accepted_at is null',
      ),
    );
    await rows.handOver(run, step);
  },

  evidence: async (run, step) => {
    const counted = await atSide('cube', () =>
      step.databases.cube.query(
        'select count(*)::int as stored, count(published_at)::int as published from crawler.drawings',
      ),
    );
    return { ...(await rows.evidence(run, step)), drawings: counted.rows[0] };
  },
};
