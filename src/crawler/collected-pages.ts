import type { BatchOutcome, CrawlResult, FoundValidators, HostTotal } from './batch-commit.js';
import type { FetchedPage } from './fetching/fetch-request.js';

/** What came of the URLs of a batch. */
export class CollectedPages {
  private readonly results: CrawlResult[] = [];
  private readonly validators: FoundValidators[] = [];
  private readonly totals: HostTotal[] = [];
  private fetched = 0;
  private failed = 0;

  /** `ids` are those of results: it takes one. Null content: the filters of the job leave the page out. */
  addPage(
    url: string,
    { bytes, validators }: FetchedPage,
    content: Readonly<Record<string, string>> | null,
    ids: string[],
  ): void {
    this.fetched += 1;
    this.count(url, 'pages', 1);
    this.count(url, 'bytes', bytes);
    this.validators.push({ url, validators });
    const id = content === null ? undefined : ids.shift();
    if (content !== null && id !== undefined) this.results.push({ id, url, content, crawledAt: new Date() });
  }

  addUnchanged(): void {
    this.fetched += 1;
  }

  addFailure(url: string, reason: string): void {
    this.fetched += 1;
    this.failed += 1;
    this.count(url, `failed:${reason}`, 1);
  }

  waited(url: string, millis: number): void {
    this.count(url, 'waited', millis / 1000);
  }

  outcome(): Omit<BatchOutcome, 'taken' | 'postponed'> {
    const { results, validators, totals, fetched, failed } = this;
    return { results, validators, totals, fetched, failed };
  }

  private count(url: string, measure: string, value: number): void {
    // The host of a text that is no URL has no name.
    const host = URL.canParse(url) ? new URL(url).host : '';
    this.totals.push({ host, measure, value });
  }
}
