import type { KindEntry } from '../../src/domain/catalog.js';

/** The kind's line in `src/domain/catalog.ts`, under its name. */
export const talismans = {
  cube: 'crawler-cube',
  plan: 'items',
  tables: [{ name: 'talismans' }, { name: 'talisman_orders', parent: 'talismans' }],
  rejectReasons: {
    name_empty: 'Give the talisman a name in legacy, then retry.',
    drawing_unreadable: 'Replace the drawing in legacy with an SVG document, then retry.',
    timestamp_invalid: 'Set created_at in legacy to a time in the years 1 to 9999, then retry.',
    refused_by_target: 'Look at the detail, which names the constraint; change the row or the constraint, then retry.',
  },
  rejectLimitPercent: 50,
  defaults: { lanes: 1 },
  item: { steps: ['store', 'publish'], parallel: 3 },
} as const satisfies KindEntry;
