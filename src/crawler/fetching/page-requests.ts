import { LRUCache } from 'lru-cache';
import type { Dispatcher } from 'undici';
import { backOff, isTransient, type RetryRule, retryAfter } from '../../domain/crawler/retry-times.js';
import { isAllowed } from '../../domain/crawler/robots/is-allowed.js';
import type { TargetUrl } from '../../domain/crawler/target-url.js';
import { exchange, type HttpAnswer } from './exchange.js';
import type { FetchLimits } from './fetch-limits.js';
import type { FetchObserver, FetchRequest } from './fetch-request.js';
import type { HostPace } from './host-pace.js';
import { PageFailure } from './page-failure.js';
import { conditions, requestHeaders } from './requests.js';
import type { RobotsFiles } from './robots-files.js';
import { sleepUnder } from './sleep.js';

/** At most three requests for a page; a host that asks for more than a minute is left alone. */
export const retryRule: RetryRule = { attempts: 3, firstBackOff: 1000, longestRetryAfter: 60_000 };

/** A host is not left alone for longer, whatever it asks for. */
const longestRest = 3_600_000;
/** A longer Crawl-delay means in effect that nothing is to be fetched. */
const longestCrawlDelaySeconds = 600;
/** Interrupted fetches whose requests are remembered. */
const rememberedFetches = 10_000;

export interface PageRequestDependencies {
  readonly dispatcher: Dispatcher;
  readonly robots: RobotsFiles;
  readonly pace: HostPace;
  readonly limits: FetchLimits;
  readonly retry: RetryRule;
  readonly observer: FetchObserver;
}

/** Requests pages: as robots.txt and pace permit, again where a host answers that it cannot just now. Follows no redirect. */
export class PageRequests {
  /** Requests of a fetch that was interrupted, so that one that is begun again by the next batch does not have all its attempts again. */
  private readonly attempts = new LRUCache<string, number>({ max: rememberedFetches });

  constructor(private readonly dependencies: PageRequestDependencies) {}

  /** The last answer, whatever its status but one that stands for too many requests. Throws `PageFailure`, the reason of the signal, or what `beforeRequest` throws. */
  async send(target: TargetUrl, request: FetchRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const crawlDelaySeconds = await this.permittedDelay(target, request, signal);
    const key = `${request.runId} ${target.href}`;
    for (;;) {
      const attempt = (this.attempts.get(key) ?? 0) + 1;
      const result = await this.attempt(target, request, crawlDelaySeconds, signal, () =>
        this.attempts.set(key, attempt),
      );
      const isLast = attempt >= this.dependencies.retry.attempts;
      const wait = await this.waitAfter(result, target, attempt, isLast);
      if (wait === undefined) {
        this.attempts.delete(key);
        if (result instanceof PageFailure) throw result;
        return result;
      }
      await sleepUnder(signal, wait);
    }
  }

  private async permittedDelay(target: TargetUrl, request: FetchRequest, signal: AbortSignal): Promise<number> {
    const rules = await this.dependencies.robots.rulesFor(target, request, signal);
    if (!isAllowed(rules, target.path))
      throw new PageFailure(
        'robots_disallowed',
        `The robots.txt of ${target.host} does not allow ${target.path.slice(0, 200)}.`,
      );
    if (rules.crawlDelaySeconds > longestCrawlDelaySeconds)
      throw new PageFailure(
        'crawl_delay_too_long',
        `${target.host} asks for ${rules.crawlDelaySeconds} seconds between requests.`,
      );
    return rules.crawlDelaySeconds;
  }

  private async attempt(
    target: TargetUrl,
    request: FetchRequest,
    crawlDelaySeconds: number,
    signal: AbortSignal,
    onSending: () => void,
  ): Promise<HttpAnswer | PageFailure> {
    const { pace, observer, dispatcher, limits, retry } = this.dependencies;
    const delayMillis = Math.max(request.pace.delaySeconds, crawlDelaySeconds) * 1000;
    const jobPace = { jobId: request.jobId, requests: request.pace.requestsPerMinute, delayMillis };
    const waitsSince = performance.now();
    const reservation = await pace.reserve(target.host, jobPace, retry.longestRetryAfter, signal);
    observer.waited(request.jobId, target.host, performance.now() - waitsSince);
    if ('restMillis' in reservation) {
      const seconds = Math.ceil(reservation.restMillis / 1000);
      return new PageFailure('rate_limited', `${target.host} asked for a rest, of which ${seconds} seconds are left.`);
    }
    try {
      request.beforeRequest?.();
    } catch (error) {
      await pace.withdraw(reservation);
      throw error;
    }
    onSending();
    let arrived: Promise<void> | undefined;
    const question = {
      target,
      headers: { ...requestHeaders(request, pageTypes), ...conditionsFor(target, request) },
      limits,
      readsContentOf: (status: number) => status === 200,
      onArrived: () => {
        arrived = pace.arrived(reservation);
      },
    };
    try {
      return await exchange(dispatcher, question, signal);
    } catch (error) {
      if (error instanceof PageFailure) return error;
      throw error;
    } finally {
      await (arrived ?? pace.arrived(reservation));
    }
  }

  /** Milliseconds to wait before the next request; undefined where there is none. Gives the host its rest. */
  private async waitAfter(
    result: HttpAnswer | PageFailure,
    { host }: TargetUrl,
    attempt: number,
    isLast: boolean,
  ): Promise<number | undefined> {
    const { retry, pace } = this.dependencies;
    const own = backOff(retry, attempt, Math.random());
    if (result instanceof PageFailure) return isLast || !passing.includes(result.reason) ? undefined : own;
    if (!isTransient(result.status)) return undefined;
    const asked = retryAfter(result.header('retry-after'), Date.now());
    if (asked === undefined && result.status !== 429) return isLast ? undefined : own;
    const rest = asked ?? own;
    await pace.rest(host, Math.min(rest, longestRest));
    return isLast || rest > retry.longestRetryAfter ? undefined : rest;
  }
}

const pageTypes = 'text/html, application/xhtml+xml, application/xml;q=0.9, text/plain;q=0.8, */*;q=0.1';

/** Failures that may be over a moment later. */
const passing: readonly PageFailure['reason'][] = ['unreachable', 'name_not_resolved'];

/** Only the page that said what is known of it is asked whether it has changed. */
function conditionsFor(target: TargetUrl, { url, validators }: FetchRequest): Readonly<Record<string, string>> {
  if (validators === undefined) return {};
  const page = new URL(validators.url ?? url);
  page.hash = '';
  return page.href === target.href ? conditions(validators) : {};
}
