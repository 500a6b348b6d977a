import type pg from 'pg';
import { minKey } from '../../../domain/migration/key-range.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmOperation } from '../../../postgres/ledger/operations.js';
import { recordHorizon } from '../../../postgres/ledger/pass-horizons.js';
import type { RepairContext } from '../repair/repair.js';

/**
 * Sets how far a pass goes in each table: up to the greatest id of either side now. Users go on adding rows: these are behind it, and
 * neither this pass nor the verification that follows looks at them. Children's tables first: the parents of their rows are covered then.
 */
export async function setHorizons(context: RepairContext, writer: pg.Client): Promise<ReadonlyMap<string, bigint>> {
  const { databases, tables, migrationId, claim } = context;
  const horizons = new Map<string, bigint>();
  for (const { table, source, target } of tables.toReversed()) {
    const [inLegacy, inCube] = await Promise.all([
      atSide('legacy', () => greatestKey(databases.legacy, source)),
      atSide('cube', () => greatestKey(databases.cube, target)),
    ]);
    horizons.set(table, inLegacy);
    if (inCube > inLegacy) horizons.set(table, inCube);
  }
  await atSide('cube', async () => {
    await writer.query('begin');
    await confirmOperation(writer, claim);
    for (const [table, horizon] of horizons) await recordHorizon(writer, migrationId, table, horizon);
    await writer.query('commit');
  });
  return horizons;
}

async function greatestKey(client: pg.Pool, { schema, table, key }: TableRule): Promise<bigint> {
  const found = await client.query<{ key: string | null }>(
    `select max(${quoteIdentifier(key)})::bigint as key from ${quoteIdentifier(schema, table)}`,
  );
  return BigInt(found.rows[0]?.key ?? minKey);
}
