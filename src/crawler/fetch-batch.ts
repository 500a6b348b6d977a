import type { CrawlRun } from '../domain/crawler/run.js';
import type { BatchOutcome } from './batch-commit.js';
import { CollectedPages } from './collected-pages.js';
import type { Extraction } from './extracting/extract-page.js';
import { ExtractionFailed } from './extracting/extraction-threads.js';
import type { FetchedPage } from './fetching/fetch-request.js';
import type { Fetcher } from './fetching/fetcher.js';
import type { PageValidators } from './fetching/requests.js';
import type { OpenRun } from './run-records.js';

/** A batch is at most so many URLs, and so long: a job that is started elsewhere meanwhile overlaps no longer. */
export const batchUrls = 20;
const batchMillis = 30_000;
/** No request is begun after it: one that has begun has time to end. */
const beginMillis = 15_000;
/** Requests under way. */
const atOnce = 4;

export interface BatchDependencies {
  readonly fetcher: Pick<Fetcher, 'fetch'>;
  /** What the run's rules take from a page. Throws `ExtractionFailed`. */
  readonly extract: (html: string) => Promise<Extraction>;
  /** Whether a request may be begun now. */
  readonly mayBegin: () => boolean;
  /** What the sites said of these pages at the last run, by URL. */
  readonly validators: ReadonlyMap<string, PageValidators>;
}

/** Ends a fetch of which no request was begun. */
class Postponed extends Error {
  override readonly name = 'Postponed';
}

/**
 * Fetches the next URLs of a run. One that still waits for its host's pace when the batch ends is postponed to the next one. `ids` are for
 * results, one for each URL at least; it takes as many as there are results. Throws the reason of the signal.
 */
export async function fetchBatch(
  run: CrawlRun,
  open: OpenRun,
  ids: string[],
  dependencies: BatchDependencies,
  signal: AbortSignal,
): Promise<BatchOutcome> {
  const fresh = Math.max(0, Math.min(batchUrls - open.postponed.length, open.urls - open.taken));
  const places = [...open.postponed, ...Array.from({ length: fresh }, (_, index) => open.taken + index)];
  const batch = new Batch(run, open, ids, dependencies, signal);
  const left = await batch.fetch(places);
  return { ...batch.collected.outcome(), taken: open.taken + fresh, postponed: left };
}

class Batch {
  readonly collected = new CollectedPages();
  private readonly begunAt = performance.now();
  private readonly end: AbortSignal;
  /** Of URLs of which no request was begun yet. */
  private readonly waiting = new Set<AbortController>();
  private readonly left: number[] = [];

  constructor(
    private readonly run: CrawlRun,
    private readonly open: OpenRun,
    private readonly ids: string[],
    private readonly dependencies: BatchDependencies,
    private readonly signal: AbortSignal,
  ) {
    this.end = AbortSignal.any([signal, AbortSignal.timeout(batchMillis)]);
  }

  /** Fetches the URLs at these places of the list; returns the places of those that are still to be fetched. */
  async fetch(places: number[]): Promise<readonly number[]> {
    const postponing = setTimeout(() => {
      for (const one of this.waiting) one.abort(new Postponed());
    }, beginMillis);
    const lane = async () => {
      for (let place = places.shift(); place !== undefined; place = places.shift()) {
        if (this.mayBegin()) await this.fetchOne(place);
        else this.left.push(place);
      }
    };
    try {
      await Promise.all(Array.from({ length: atOnce }, lane));
    } finally {
      clearTimeout(postponing);
    }
    return this.left.sort((one, other) => one - other);
  }

  private mayBegin(): boolean {
    const isEarly = performance.now() - this.begunAt < beginMillis;
    return isEarly && !this.end.aborted && this.dependencies.mayBegin();
  }

  private async fetchOne(place: number): Promise<void> {
    const url = this.open.list[place] ?? '';
    const postponed = new AbortController();
    this.waiting.add(postponed);
    try {
      await this.collect(url, postponed);
    } catch (error) {
      this.signal.throwIfAborted();
      if (!(error instanceof Postponed) && !this.end.aborted) throw error;
      this.left.push(place);
    } finally {
      this.waiting.delete(postponed);
    }
  }

  private async collect(url: string, postponed: AbortController): Promise<void> {
    const { fetcher, validators } = this.dependencies;
    const { ratePerMinute: requestsPerMinute, delaySeconds } = this.open;
    const calledAt = performance.now();
    const beforeRequest = () => {
      if (!this.mayBegin()) throw new Postponed();
      if (this.waiting.delete(postponed)) this.collected.waited(url, performance.now() - calledAt);
    };
    const outcome = await fetcher.fetch(
      { url, ...this.run, pace: { requestsPerMinute, delaySeconds }, validators: validators.get(url), beforeRequest },
      AbortSignal.any([this.end, postponed.signal]),
    );
    switch (outcome.kind) {
      case 'page':
        await this.addPage(url, outcome);
        break;
      case 'not_modified':
        this.collected.addUnchanged();
        break;
      case 'failed':
        this.collected.addFailure(url, outcome.reason);
    }
  }

  private async addPage(url: string, page: FetchedPage): Promise<void> {
    let extracted: Extraction;
    try {
      extracted = await this.dependencies.extract(page.html);
    } catch (error) {
      if (!(error instanceof ExtractionFailed)) throw error;
      this.collected.addFailure(url, 'extraction_failed');
      return;
    }
    this.collected.addPage(url, page, extracted.kind === 'content' ? extracted.fields : null, this.ids);
  }
}
