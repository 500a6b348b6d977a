import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchLog } from '../../../../../src/kinds/rows/copy/batch-log.js';
import type { ConvertedRow } from '../../../../../src/kinds/rows/row-mapping.js';
import { sourceRow } from '../../../../support/copy-rows.js';
import { cleanRecord } from '../../../../support/legacy-records.js';

const wide = { batchRows: 1000, batchBytes: 1_000_000 };

const source = sourceRow(cleanRecord);

function carried(id: bigint, content = 'a row', warned = false): ConvertedRow {
  return { kind: 'row', id, bytes: Buffer.from(content), source, warned };
}

function rejected(id: bigint, payload = '{}'): ConvertedRow {
  return { kind: 'reject', id, reason: 'date_invalid', detail: 'no such solar date', payload };
}

const convertedRows = fc
  .uniqueArray(fc.bigInt({ min: 1n, max: 500n }), { maxLength: 100 })
  .map((ids) => ids.sort((a, b) => (a < b ? -1 : 1)))
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc
          .tuple(fc.boolean(), fc.boolean(), fc.string({ unit: 'grapheme' }))
          .map(([isReject, warned, text]) => (isReject ? rejected(id, text) : carried(id, text, warned))),
      ),
    ),
  );

describe('batches', () => {
  test('add up to the rows, row by row', () => {
    fc.assert(
      fc.property(
        convertedRows,
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 300 }),
        (rows, batchRows, batchBytes) => {
          const log = new BatchLog(0n, { batchRows, batchBytes });
          for (const row of rows) log.add(row);
          log.close(1000n);
          let place = 0;
          let after = 0n;
          for (const batch of log.batches) {
            expect(batch.after).toBe(after);
            after = batch.upto;
            const its = rows.slice(place, place + batch.migrated + batch.rejected);
            place += its.length;
            for (const row of its) {
              expect(row.id > batch.after && row.id <= batch.upto).toBe(true);
            }
            const moved = its.flatMap((row) => (row.kind === 'row' ? [row] : []));
            expect(batch).toMatchObject({
              migrated: moved.length,
              warned: moved.filter((row) => row.warned).length,
              bytes: its.reduce((sum, row) => sum + Buffer.byteLength(row.kind === 'row' ? row.bytes : row.payload), 0),
            });
            expect(its.length).toBeLessThanOrEqual(batchRows);
            for (const row of moved) expect(ownsId(batch.ids, row.id)).toBe(true);
            for (const row of its) if (row.kind === 'reject') expect(ownsId(batch.ids, row.id)).toBe(false);
          }
          expect(place).toBe(rows.length);
          expect(log.rejects.map((entry) => entry.sourceId)).toEqual(
            rows.flatMap((row) => (row.kind === 'reject' ? [row.id] : [])),
          );
          expect(log.totals.migrated + log.totals.rejected).toBe(rows.length);
          expect(log.position).toBe(1000n);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('close when they are full by rows, rejects among them', () => {
    const log = new BatchLog(0n, { ...wide, batchRows: 2 });
    log.add(carried(3n));
    expect(log.batches).toHaveLength(0);
    log.add(rejected(7n));
    expect(log.batches).toMatchObject([{ after: 0n, upto: 7n, migrated: 1, rejected: 1, ids: '{[3,3]}' }]);
  });

  test('close when they are full by bytes as the server counts them', () => {
    const log = new BatchLog(0n, { ...wide, batchBytes: 9 });
    log.add(carried(1n, '가나'));
    expect(log.batches).toHaveLength(0);
    log.add(carried(2n, '다'));
    expect(log.batches).toMatchObject([{ after: 0n, upto: 2n, bytes: 9 }]);
  });

  test('close when the payloads of rejects fill them', () => {
    const log = new BatchLog(0n, { ...wide, batchBytes: 6 });
    log.add(rejected(1n, '가나'));
    expect(log.batches).toMatchObject([{ migrated: 0, rejected: 1, bytes: 6, ids: '{}' }]);
  });

  test('reach to the end of what was looked at', () => {
    const log = new BatchLog(10n, wide);
    log.add(carried(12n));
    log.close(99n);
    expect(log.batches).toMatchObject([{ after: 10n, upto: 99n }]);
    expect(log.position).toBe(99n);
  });

  test('of nothing are none, and the next one starts behind what was looked at', () => {
    const log = new BatchLog(0n, wide);
    log.close(50n);
    expect(log.batches).toEqual([]);
    expect(log.position).toBe(50n);
    log.add(carried(60n));
    log.close();
    expect(log.batches).toMatchObject([{ after: 50n, upto: 60n }]);
  });

  test('count a row that the target refused later as a reject of its own', () => {
    const log = new BatchLog(0n, wide);
    log.add(carried(1n));
    log.reject({ sourceId: 2n, reason: 'refused_by_target', detail: 'SQLSTATE 22021', payload: '{}' });
    expect(log.position).toBe(2n);
    log.close();
    expect(log.batches).toMatchObject([{ migrated: 1, rejected: 1, upto: 2n, ids: '{[1,1]}' }]);
    expect(log.rejects).toMatchObject([{ sourceId: 2n, reason: 'refused_by_target' }]);
  });

  test('are counted once they are closed', () => {
    const log = new BatchLog(0n, wide);
    log.add(carried(1n));
    log.add(rejected(2n));
    expect(log.totals).toEqual({ migrated: 0, rejected: 0 });
    log.close();
    expect(log.totals).toEqual({ migrated: 1, rejected: 1 });
  });
});

function ownsId(runs: string, id: bigint): boolean {
  return [...runs.matchAll(/\[(\d+),(\d+)\]/g)].some(
    ([, first, last]) => id >= BigInt(first ?? 0) && id <= BigInt(last ?? 0),
  );
}
