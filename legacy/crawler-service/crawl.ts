import type { Agent } from 'undici';
import { decodePage } from './decode-page.js';
import { readExtraction, UnreadableRule } from './extraction.js';
import type { HostRule, HostVisits } from './host-visits.js';
import { readUrl } from './read-url.js';
import { Robots } from './robots.js';
import type { CrawlJob } from './rows.js';
import { type Answer, get } from './web-client.js';

export interface CrawlPorts {
  readonly agent: Agent;
  readonly visits: HostVisits;
  /** Whether the job still is one that runs; looked at before each of its URLs, since people edit the table. */
  readonly isWanted: (jobId: string) => Promise<boolean>;
  /** Commits a result. */
  readonly keep: (jobId: string, url: string, content: Readonly<Record<string, string>>) => Promise<void>;
}

const maxRedirects = 5;
const maxTries = 3;

/**
 * Fetches each of the job's URLs once, one after the other, and commits a result for each page before it goes on. No URL begins and no request
 * is made once the signal has come. Throws when the database is away.
 */
export async function crawl(job: CrawlJob, runId: string, ports: CrawlPorts, signal: AbortSignal): Promise<void> {
  const run = new Run(job, runId, ports, signal);
  try {
    await run.execute();
  } catch (error) {
    // Both end a run early, and neither is a fault of the program.
    if (!signal.aborted && !(error instanceof UnreadableRule)) throw error;
  } finally {
    run.leave();
  }
}

class Run {
  private readonly userAgent: string;
  private readonly robots: Robots;
  private readonly held = new Map<string, () => void>();

  constructor(
    private readonly job: CrawlJob,
    runId: string,
    private readonly ports: CrawlPorts,
    private readonly signal: AbortSignal,
  ) {
    this.userAgent = `Heal7Crawler/1.0 (side=legacy; job=${job.id}; run=${runId})`;
    this.robots = new Robots((url) => this.request(url));
  }

  async execute(): Promise<void> {
    const { id, urls, css_selectors: selectors, content_filters: filters } = this.job;
    const extraction = readExtraction(selectors, filters);
    for (const url of new Set(urls)) {
      if (!(await this.ports.isWanted(id)) || this.signal.aborted) return;
      if (typeof url !== 'string') continue;
      const page = await this.pageOf(url);
      const content = page === undefined ? undefined : extraction.contentOf(page);
      if (content !== undefined) await this.ports.keep(id, url, content);
    }
  }

  leave(): void {
    for (const release of this.held.values()) release();
  }

  /** The text of what a URL leads to; undefined where nothing is there, or may be fetched. */
  private async pageOf(text: string): Promise<string | undefined> {
    let url = readUrl(text);
    for (let hop = 0; hop <= maxRedirects; hop++) {
      if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
        return undefined;
      const answer = await this.answerOf(url);
      if (answer?.status === 200) return decodePage(answer.body, answer.contentType);
      if (answer === undefined || answer.status < 300 || answer.status > 399) return undefined;
      url = answer.location === undefined ? null : readUrl(answer.location, url);
    }
    return undefined;
  }

  /** Of a URL that robots.txt allows; a host that has too much to do is given time, and asked again. */
  private async answerOf(url: URL): Promise<Answer | undefined> {
    if (!(await this.robots.allow(url))) return undefined;
    this.hold(url.hostname, await this.robots.crawlDelay(url));
    for (let tried = 1; ; tried++) {
      const answer = await this.ports.visits.visit(url.hostname, this.signal, () => this.request(url));
      const isBusy = answer?.status === 429 || answer?.status === 503;
      if (answer === undefined || !isBusy || tried === maxTries) return answer;
      this.ports.visits.rest(url.hostname, Math.min(answer.retryAfter ?? 1000 * 2 ** tried, 60_000));
    }
  }

  private hold(host: string, crawlDelay: number): void {
    if (this.held.has(host)) return;
    const rule: HostRule = ruleOf(this.job);
    const delayMillis = Math.max(rule.delayMillis, crawlDelay * 1000);
    this.held.set(host, this.ports.visits.hold(host, { ...rule, delayMillis }));
  }

  /** Undefined where no answer came. */
  private async request(url: URL): Promise<Answer | undefined> {
    this.signal.throwIfAborted();
    return get(this.ports.agent, url, this.userAgent).catch(() => undefined);
  }
}

/** What a row lacks, or cannot be meant, is what the monolith does by itself. */
function ruleOf({ rate_limit: rate, request_delay: delay }: CrawlJob): HostRule {
  const seconds = Number(delay ?? Number.NaN);
  return {
    perMinute: rate !== null && rate > 0 ? rate : 30,
    delayMillis: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : 1000,
  };
}
