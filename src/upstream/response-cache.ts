import { LRUCache } from 'lru-cache';

/** A whole answer. Header names and values in turn. */
export interface CachedResponse {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface CacheOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** 0 to 1, for the jitter that keeps answers from growing old all at once. */
  readonly random: () => number;
  /** Bytes of all answers together: bodies, headers, keys. */
  readonly maxBytes: number;
}

/** What tells answers apart, beside the headers that the upstream is sent. */
export interface CacheSubject {
  readonly method: string;
  /** Scheme-less canonical URL: cube, path and query. */
  readonly url: string;
  /** Null for nobody. Without a user nothing with a bearer is ever kept. */
  readonly user: string | null;
  readonly side: string;
  /** The version that answers now; empty where there is but one. */
  readonly version: string;
  readonly epoch: number;
}

export type CacheResult = { readonly answer: CachedResponse; readonly ageSeconds: number };

interface CacheEntry {
  readonly answer: CachedResponse;
  readonly at: number;
  readonly freshUntil: number;
}

const ttlMillis = 300_000;
const ttlJitter = 0.1;
const staleWhileRevalidateMillis = 30_000;
const staleIfErrorMillis = 300_000;

/**
 * Whole answers by method, URL, user, side, version and ownership epoch, and by all that the upstream hears of who asks: an
 * answer can vary by nothing else, whether it says so or not. A thousand who miss at once make one call; an old answer
 * serves for half a minute while a new one is fetched, and for five when that fails. Only 200 is kept, and nothing that its
 * sender, or a cookie in it, marks as one person's.
 */
export class ResponseCache {
  private readonly entries: LRUCache<string, CacheEntry>;
  private readonly inFlight = new Map<string, Promise<CachedResponse>>();

  constructor(private readonly options: CacheOptions) {
    this.entries = new LRUCache({
      maxSize: options.maxBytes,
      sizeCalculation: ({ answer }, key) => answer.body.length + answer.headers.join('').length + key.length + 1000,
    });
  }

  /**
   * The answer to `subject` asked with `headers`: a kept one, that of a call under way, or that of `fetch`, which is given the
   * headers and sends nothing else that depends on who asks. Rejects as `fetch` does when there is no old answer to serve
   * instead. An answer that may not be shared goes to the one who asked; the others ask for themselves. An answer is kept
   * only if `mayKeep` says so once it is there.
   */
  async get(
    subject: CacheSubject,
    headers: readonly string[],
    fetch: (headers: readonly string[]) => Promise<CachedResponse>,
    mayKeep: () => boolean = () => true,
  ): Promise<CacheResult> {
    const key = lengthPrefixed([
      subject.method,
      subject.url,
      subject.user ?? '',
      subject.user === null ? '0' : '1',
      subject.side,
      subject.version,
      String(subject.epoch),
      ...headers,
    ]);
    const now = this.options.now();
    const kept = this.entries.get(key);
    if (kept !== undefined && now < kept.freshUntil) return this.serve(kept);
    if (kept !== undefined && now < kept.freshUntil + staleWhileRevalidateMillis) {
      this.fetchOnce(key, () => fetch(headers), mayKeep).catch(() => undefined);
      return this.serve(kept);
    }
    const joined = this.inFlight.has(key);
    try {
      const answer = await this.fetchOnce(key, () => fetch(headers), mayKeep);
      if (joined && !mayShare(answer)) return { answer: await fetch(headers), ageSeconds: 0 };
      if (answer.status >= 500 && kept !== undefined && this.servesOnError(kept)) return this.serve(kept);
      return { answer, ageSeconds: 0 };
    } catch (error) {
      if (kept !== undefined && this.servesOnError(kept)) return this.serve(kept);
      throw error;
    }
  }

  private servesOnError(kept: CacheEntry): boolean {
    return this.options.now() < kept.freshUntil + staleIfErrorMillis;
  }

  private serve({ answer, at }: CacheEntry): CacheResult {
    return { answer, ageSeconds: Math.floor((this.options.now() - at) / 1000) };
  }

  /** One call for a key at a time. */
  private fetchOnce(
    key: string,
    fetch: () => Promise<CachedResponse>,
    mayKeep: () => boolean,
  ): Promise<CachedResponse> {
    const flying = this.inFlight.get(key);
    if (flying !== undefined) return flying;
    const answer = fetch()
      .then((whole) => {
        if (mayKeep()) this.store(key, whole);
        return whole;
      })
      .finally(() => this.inFlight.delete(key));
    this.inFlight.set(key, answer);
    return answer;
  }

  private store(key: string, answer: CachedResponse): void {
    if (answer.status !== 200 || !mayShare(answer)) return;
    const at = this.options.now();
    const ttl = ttlMillis * (1 - ttlJitter + 2 * ttlJitter * this.options.random());
    this.entries.set(key, { answer, at, freshUntil: at + ttl });
  }
}

/** Fields with their lengths before them: no field can run into the next. */
function lengthPrefixed(fields: readonly string[]): string {
  return fields.map((field) => `${field.length}:${field}`).join('');
}

function mayShare({ status, headers }: CachedResponse): boolean {
  if (status === 206 || valuesOf(headers, 'set-cookie').length > 0) return false;
  if (valuesOf(headers, 'vary').some((value) => value.includes('*'))) return false;
  return !valuesOf(headers, 'cache-control').some((value) => /\b(no-store|no-cache|private)\b/i.test(value));
}

function valuesOf(headers: readonly string[], name: string): readonly string[] {
  return headers.filter((_, place) => place % 2 === 1 && headers[place - 1]?.toLowerCase() === name);
}
