import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { nextIdleShare, type PaceLimits, waitForIdleShare, waitForRate } from '../../../domain/migration/pace.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';

const probeEveryMillis = 1000;

/**
 * Keeps one lane within its limits: call it after each few rows. Probes legacy once a second with the read that users
 * do most, one row by key, and idles longer the longer that takes. Ends its wait early when `signal` aborts;
 * `onWait` is called at least once a second while it waits.
 */
export function createPace(
  legacy: pg.Pool,
  table: TableRule,
  limits: PaceLimits,
  signal: AbortSignal,
  onWait: () => void,
): (rows: number) => Promise<void> {
  const key = quoteIdentifier(table.key);
  const probe = `select 1 from ${quoteIdentifier(table.schema, table.table)} order by ${key} limit 1`;
  let windowStart = performance.now();
  let windowRows = 0;
  let workStart = windowStart;
  let idleShare = 0;
  return async (rows) => {
    windowRows += rows;
    const now = performance.now();
    if (limits.latencyLimitMillis !== null && now - workStart >= probeEveryMillis) {
      await atSide('legacy', () => legacy.query(probe));
      idleShare = nextIdleShare(idleShare, performance.now() - now, limits.latencyLimitMillis);
      await wait(waitForIdleShare(now - workStart, idleShare), signal, onWait);
      workStart = performance.now();
    }
    await wait(waitForRate(windowRows, performance.now() - windowStart, limits.rowsPerSecond), signal, onWait);
    if (now - windowStart >= 1000) {
      windowStart = performance.now();
      windowRows = 0;
    }
  };
}

async function wait(millis: number, signal: AbortSignal, onWait: () => void): Promise<void> {
  const end = performance.now() + millis;
  for (let rest = millis; rest >= 1 && !signal.aborted; rest = end - performance.now()) {
    onWait();
    await sleep(Math.min(rest, 1000), undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
