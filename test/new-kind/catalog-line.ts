import type { KindEntry } from '../../src/domain/catalog.js';

/** The kind's line in `src/domain/catalog.ts`, under its name. */
export const talismans = {
  cube: 'paperwork-cube',
  plan: 'items',
  tables: [{ name: 'talismans' }, { name: 'talisman_orders', parent: 'talismans' }],
  rejectReasons: ['name_empty', 'drawing_unreadable', 'timestamp_invalid', 'refused_by_target'],
  rejectLimitPercent: 50,
  defaults: { lanes: 1 },
  item: { steps: ['store', 'publish'], parallel: 3 },
} as const satisfies KindEntry;
