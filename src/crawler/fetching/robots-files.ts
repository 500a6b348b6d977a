import { LRUCache } from 'lru-cache';
import type { Dispatcher } from 'undici';
import type { AllowedTargets } from '../../domain/crawler/allowed-targets.js';
import { productToken } from '../../domain/crawler/crawler-name.js';
import { everythingAllowed, type RobotsRules, readRobots } from '../../domain/crawler/robots/read-robots.js';
import { checkTargetUrl, type TargetUrl } from '../../domain/crawler/target-url.js';
import { exchange } from './exchange.js';
import { robotsLimits } from './fetch-limits.js';
import { PageFailure } from './page-failure.js';
import { type RequestOwner, requestHeaders } from './requests.js';

/** How long what is known of a host's robots.txt holds, milliseconds. */
export interface RobotsTimes {
  readonly fresh: number;
  /** A copy of this age counts while the file cannot be read again; RFC 9309 gives a day. */
  readonly usable: number;
  /** After which a file that could not be read is looked for again. */
  readonly failed: number;
}

export const robotsTimes: RobotsTimes = { fresh: 3_600_000, usable: 24 * 3_600_000, failed: 60_000 };

interface KnownFile {
  readonly found: RobotsRules | PageFailure;
  readonly readAt: number;
  readonly lookAgainAt: number;
}

const maxRedirects = 5;
/** Of all files together, in characters of their rules. */
const maxKept = 64 * 1024 * 1024;

/**
 * The robots.txt of each origin by RFC 9309: a 4xx status means that there are no rules; a 5xx status, and a host that cannot be reached, that nothing may be fetched; up to five
 * redirects, also to other hosts, each checked by the safety rules. Requests for it do not count for the pace of a host.
 */
export class RobotsFiles {
  private readonly known = new LRUCache<string, KnownFile>({ maxSize: maxKept, sizeCalculation: sizeOf });
  private readonly reading = new Map<string, Promise<KnownFile>>();

  constructor(
    private readonly dispatcher: Dispatcher,
    private readonly allowed: AllowedTargets,
    private readonly times: RobotsTimes = robotsTimes,
  ) {}

  /** The rules for a page's host. Throws `PageFailure` where its file cannot be read, or the reason of the signal. */
  async rulesFor({ origin }: TargetUrl, owner: RequestOwner, signal: AbortSignal): Promise<RobotsRules> {
    const known = this.known.get(origin);
    const { found } =
      known !== undefined && known.lookAgainAt > performance.now()
        ? known
        : await untilAborted(this.reading.get(origin) ?? this.read(origin, owner, known), signal);
    if (found instanceof PageFailure) throw found;
    return found;
  }

  /** One request for all pages that wait for it; it goes on when the page that began it is given up. */
  private read(origin: string, owner: RequestOwner, former: KnownFile | undefined): Promise<KnownFile> {
    const reading = this.request(origin, owner)
      .then(
        (rules) => this.knownFrom(rules, this.times.fresh),
        (error: unknown) => {
          if (!(error instanceof PageFailure)) throw error;
          const now = performance.now();
          const counts =
            former !== undefined && !(former.found instanceof PageFailure) && former.readAt > now - this.times.usable;
          return counts
            ? { ...former, lookAgainAt: now + this.times.failed }
            : this.knownFrom(asRobotsFailure(error), this.times.failed);
        },
      )
      .then((file) => {
        this.known.set(origin, file);
        return file;
      })
      .finally(() => this.reading.delete(origin));
    this.reading.set(origin, reading);
    return reading;
  }

  private knownFrom(found: KnownFile['found'], millis: number): KnownFile {
    const now = performance.now();
    return { found, readAt: now, lookAgainAt: now + millis };
  }

  private async request(origin: string, owner: RequestOwner): Promise<RobotsRules> {
    const headers = requestHeaders(owner, 'text/plain, */*;q=0.5');
    let place = { url: `${origin}/robots.txt`, base: origin };
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const checked = checkTargetUrl(place.url, this.allowed, place.base);
      if (checked.outcome !== 'accepted')
        throw new PageFailure('robots_unreachable', `A redirect of the robots.txt is not followed: ${checked.detail}`);
      const question = {
        target: checked.target,
        headers,
        limits: robotsLimits,
        readsContentOf: isSuccess,
        onArrived: nothing,
      };
      // Its limits end it.
      const { status, header, content } = await exchange(this.dispatcher, question, new AbortController().signal);
      const location = header('location');
      if (isSuccess(status)) return readRobots(new TextDecoder().decode(content), productToken);
      if (status >= 400 && status < 500) return everythingAllowed;
      if (status < 300 || status >= 400 || location === undefined)
        throw new PageFailure('robots_unreachable', `The robots.txt of ${origin} is answered with status ${status}.`);
      place = { url: location, base: checked.target.href };
    }
    // RFC 9309, 2.3.1.2: more redirects may be taken for a file that is not there.
    return everythingAllowed;
  }
}

const nothing = () => undefined;

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

const ofTheHost: readonly PageFailure['reason'][] = [
  'address_refused',
  'name_not_resolved',
  'tls_failed',
  'robots_unreachable',
];

/** What is wrong with the host itself is said as it is. */
function asRobotsFailure(failure: PageFailure): PageFailure {
  const { reason, detail } = failure;
  return ofTheHost.includes(reason)
    ? failure
    : new PageFailure('robots_unreachable', `The robots.txt could not be read: ${detail}`);
}

function sizeOf({ found }: KnownFile): number {
  return found instanceof PageFailure ? 200 : found.rules.reduce((sum, rule) => sum + rule.length + 200, 200);
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
