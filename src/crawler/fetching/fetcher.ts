import { Agent } from 'undici';
import type { AllowedTargets } from '../../domain/crawler/allowed-targets.js';
import type { RetryRule } from '../../domain/crawler/retry-times.js';
import { checkTargetUrl, type TargetUrl } from '../../domain/crawler/target-url.js';
import { decodePage } from './decode-page.js';
import type { HttpAnswer } from './exchange.js';
import { type FetchLimits, maxHeaderBytes, pageLimits } from './fetch-limits.js';
import type { FailedPage, FetchedPage, FetchObserver, FetchOutcome, FetchRequest } from './fetch-request.js';
import { type Dial, dialDirectly, guardedConnector, type ResolveName, resolveName } from './guarded-connector.js';
import type { HostPace } from './host-pace.js';
import { PageFailure } from './page-failure.js';
import { PageRequests, retryRule } from './page-requests.js';
import { RobotsFiles } from './robots-files.js';

export interface FetcherSettings {
  readonly allowed: AllowedTargets;
  readonly pace: HostPace;
  readonly observer?: FetchObserver;
  readonly limits?: FetchLimits;
  readonly retry?: RetryRule;
  readonly resolve?: ResolveName;
  readonly dial?: Dial;
}

export interface Fetcher {
  /**
   * Fetches the page of a URL: as robots.txt and the pace of its host permit, within limits of time and size, following up to five redirects, each of which is checked as the URL itself. Whatever is
   * wrong with URL, host or page is an outcome. Throws the reason of the signal, and what `beforeRequest` throws.
   */
  fetch(request: FetchRequest, signal: AbortSignal): Promise<FetchOutcome>;
  /** Ends every connection. */
  close(): Promise<void>;
}

const maxRedirects = 5;
const connectMillis = 10_000;
const connectionsPerHost = 8;
const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** A fetcher with connections and robots.txt files of its own; the pace is shared by all workers. Variables of proxies never count. */
export function createFetcher(settings: FetcherSettings): Fetcher {
  const { allowed, pace, observer = silent, resolve = resolveName, dial = dialDirectly } = settings;
  const dispatcher = new Agent({
    connect: guardedConnector({ allowed, resolve, dial, connectMillis }),
    connections: connectionsPerHost,
    pipelining: 1,
    maxHeaderSize: maxHeaderBytes,
    // The limits of a fetch are its own.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4000,
  });
  const robots = new RobotsFiles(dispatcher, allowed);
  const { limits = pageLimits, retry = retryRule } = settings;
  const requests = new PageRequests({ dispatcher, robots, pace, limits, retry, observer });

  /** Follows redirects. `onTarget` is called with each URL before anything is sent. */
  const follow = async (request: FetchRequest, onTarget: (target: TargetUrl) => void, signal: AbortSignal) => {
    let place: { readonly url: string; readonly base?: string } = { url: request.url };
    for (let followed = 0; followed <= maxRedirects; followed++) {
      const target = targetOf(place.url, allowed, place.base);
      onTarget(target);
      const answer = await requests.send(target, request, signal);
      if (!redirects.includes(answer.status)) return { target, answer };
      const location = answer.header('location');
      if (location === undefined || !URL.canParse(location, target.href))
        throw new PageFailure('redirect_invalid', `${target.host} redirects to what is no URL.`, answer.status);
      place = { url: location, base: target.href };
    }
    throw new PageFailure('too_many_redirects', `The URL is redirected more than ${maxRedirects} times.`);
  };

  return {
    fetch: async (request, signal) => {
      let host = '';
      try {
        const onTarget = (target: TargetUrl) => {
          host = target.host;
        };
        const { target, answer } = await follow(request, onTarget, signal);
        const outcome = outcomeOf(target, answer, request);
        observer.fetched(request.jobId, host, answer.wireBytes);
        return outcome;
      } catch (error) {
        if (!(error instanceof PageFailure)) throw error;
        observer.failed(request.jobId, host, error.reason);
        return failedPage(error);
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function targetOf(url: string, allowed: AllowedTargets, base: string | undefined): TargetUrl {
  const checked = checkTargetUrl(url, allowed, base);
  if (checked.outcome === 'accepted') return checked.target;
  throw new PageFailure(checked.outcome === 'url_invalid' ? 'url_invalid' : 'address_refused', checked.detail);
}

function outcomeOf(target: TargetUrl, answer: HttpAnswer, { validators }: FetchRequest): FetchOutcome {
  const { status, header } = answer;
  if (status === 304 && validators !== undefined) return { kind: 'not_modified' };
  if (status === 429)
    throw new PageFailure('rate_limited', `${target.host} answers that there are too many requests.`, status);
  if (status !== 200)
    throw new PageFailure('status_unexpected', `${target.host} answers with status ${status}.`, status);
  if (!isText(header('content-type'), answer.content))
    throw new PageFailure(
      'not_text',
      `The page is of the type ${header('content-type')?.slice(0, 100) ?? 'of a binary file'}.`,
    );
  return pageOf(target, answer);
}

function pageOf(target: TargetUrl, { header, content, wireBytes }: HttpAnswer): FetchedPage {
  const etag = header('etag');
  const lastModified = header('last-modified');
  return {
    kind: 'page',
    url: target.href,
    html: decodePage(content, header('content-type')),
    bytes: wireBytes,
    validators: {
      url: target.href,
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
    },
  };
}

/** By its type, or without one by its first bytes: no text has a NUL. UTF-16, which has them, has a mark. */
function isText(contentType: string | undefined, content: Buffer): boolean {
  if (contentType !== undefined) return /^\s*(text\/|application\/(xhtml\+xml|xml)\b)/i.test(contentType);
  return ['fffe', 'feff'].includes(content.toString('hex', 0, 2)) || !content.subarray(0, 1024).includes(0);
}

function failedPage({ reason, detail, status }: PageFailure): FailedPage {
  return { kind: 'failed', reason, detail, ...(status === undefined ? {} : { status }) };
}

const silent: FetchObserver = { fetched: () => undefined, failed: () => undefined, waited: () => undefined };
