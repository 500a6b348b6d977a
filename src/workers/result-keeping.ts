import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { ReachCrashPoint } from '../base/crash-points.js';
import { reportFailure, toFailure } from '../base/failures.js';
import { readExpectedJobs } from '../crawler/expected-jobs.js';
import type { ResultIds } from '../crawler/result-ids.js';
import type { WriteBack } from '../crawler/write-back.js';
import { expectedResults } from '../domain/crawler/expected-results.js';
import type { Log } from './run-worker.js';

export interface ResultKeepingOptions {
  readonly cube: pg.Pool;
  readonly ids: ResultIds;
  readonly writeBack: WriteBack;
  readonly reach: ReachCrashPoint;
  readonly log: Log;
}

const pollMillis = 1000;
const pauseAfterFailureMillis = 5000;

/**
 * Keeps ids for results in stock and writes results back to legacy, until the returned function is called, which waits for what is under way.
 * While legacy is away runs go on with the ids in stock.
 */
export function keepResults(options: ResultKeepingOptions): () => Promise<void> {
  const stop = new AbortController();
  const loop = keepUntil(stop.signal, options);
  return async () => {
    stop.abort();
    await loop;
  };
}

async function keepUntil(signal: AbortSignal, { cube, ids, writeBack, reach, log }: ResultKeepingOptions) {
  let after = '0';
  const reported = new Set<string>();
  while (!signal.aborted) {
    let pause = pollMillis;
    try {
      await ids.stockUp(expectedResults(await readExpectedJobs(cube)));
      reach('before-results-written-back');
      const { written, next, taken } = await writeBack.writeSome(after);
      reach('after-results-written-back');
      for (const id of taken.filter((one) => !reported.has(one))) {
        reported.add(id);
        log.error({ result: id }, 'legacy has another result under the id of one of the cube');
      }
      after = next ?? '0';
      if (next !== null && written > 0) pause = 0;
    } catch (error) {
      log.warn(reportFailure(toFailure(error)), 'results could not be written back');
      pause = pauseAfterFailureMillis;
    }
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}
