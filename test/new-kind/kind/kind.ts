import type { Kind } from '../../../src/kinds/kind.js';
import { createRowsKind } from '../../../src/kinds/rows/rows-kind.js';
import { drawings } from './drawings.js';
import { tables } from './tables.js';

/** Plan `items`, cube `paperwork-cube`, schema `paperwork`: talismans with their orders, and what is drawn on each. */
export const talismans: Kind = { ...createRowsKind(tables), items: drawings };
