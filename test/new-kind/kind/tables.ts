import type { RowTables } from '../../../src/kinds/rows/row-mapping.js';
import { ordersMapping } from './orders.js';
import { talismansMapping } from './talismans.js';

/** Parents before their children, as in the catalogue. */
export const tables: RowTables = [talismansMapping, ordersMapping];
