import { LRUCache } from 'lru-cache';

/** A complete response. Header names and values in turn. */
export interface CachedResponse {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface CacheOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** 0 to 1, for the jitter that keeps entries from expiring all at once. */
  readonly random: () => number;
  /** Bytes of all entries together: bodies, headers, keys. */
  readonly maxBytes: number;
}

/** The key of an entry, together with the headers that the upstream gets. */
export interface CacheSubject {
  readonly method: string;
  /** Scheme-less canonical URL: cube, path and query. */
  readonly url: string;
  /** Null for anonymous requests. Without a user nothing with a bearer is ever stored. */
  readonly user: string | null;
  readonly side: string;
  /** The version that answers now; empty where there is only one. */
  readonly version: string;
  readonly epoch: number;
}

export type CacheResult = { readonly response: CachedResponse; readonly ageSeconds: number };

interface CacheEntry {
  readonly response: CachedResponse;
  readonly at: number;
  readonly freshUntil: number;
}

const ttlMillis = 300_000;
const ttlJitter = 0.1;
const staleWhileRevalidateMillis = 30_000;
const staleIfErrorMillis = 300_000;

/**
 * Complete responses by method, URL, user, side, version, ownership epoch and every header that the upstream gets: a response
 * can vary by nothing else, whatever its `Vary` says. A thousand concurrent misses make one call. A stale response serves for
 * half a minute while a new one is fetched (stale-while-revalidate), and for five when that fails (stale-if-error). Stores only
 * status 200, and nothing with a cookie or marked as private.
 */
export class ResponseCache {
  private readonly entries: LRUCache<string, CacheEntry>;
  private readonly inFlight = new Map<string, Promise<CachedResponse>>();

  constructor(private readonly options: CacheOptions) {
    this.entries = new LRUCache({
      maxSize: options.maxBytes,
      sizeCalculation: ({ response }, key) =>
        response.body.length + response.headers.join('').length + key.length + 1000,
    });
  }

  /**
   * The response for `subject` and `headers`: a stored one, that of a call in flight, or that of `fetch`, which sends the given
   * headers and nothing else that depends on the caller. Rejects as `fetch` does when there is no stale response to serve
   * instead. A response that may not be shared goes to the first caller only; the others fetch their own. A response is stored
   * only if `mayStore` allows it after its arrival.
   */
  async get(
    subject: CacheSubject,
    headers: readonly string[],
    fetch: (headers: readonly string[]) => Promise<CachedResponse>,
    mayStore: () => boolean = () => true,
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
    const entry = this.entries.get(key);
    if (entry !== undefined && now < entry.freshUntil) return this.serve(entry);
    if (entry !== undefined && now < entry.freshUntil + staleWhileRevalidateMillis) {
      this.fetchOnce(key, () => fetch(headers), mayStore).catch(() => undefined);
      return this.serve(entry);
    }
    const shared = this.inFlight.has(key);
    try {
      const response = await this.fetchOnce(key, () => fetch(headers), mayStore);
      if (shared && !mayShare(response)) return { response: await fetch(headers), ageSeconds: 0 };
      if (response.status >= 500 && entry !== undefined && this.servesOnError(entry)) return this.serve(entry);
      return { response, ageSeconds: 0 };
    } catch (error) {
      if (entry !== undefined && this.servesOnError(entry)) return this.serve(entry);
      throw error;
    }
  }

  private servesOnError(entry: CacheEntry): boolean {
    return this.options.now() < entry.freshUntil + staleIfErrorMillis;
  }

  private serve({ response, at }: CacheEntry): CacheResult {
    return { response, ageSeconds: Math.floor((this.options.now() - at) / 1000) };
  }

  /** One call for a key at a time. */
  private fetchOnce(
    key: string,
    fetch: () => Promise<CachedResponse>,
    mayStore: () => boolean,
  ): Promise<CachedResponse> {
    const current = this.inFlight.get(key);
    if (current !== undefined) return current;
    const response = fetch()
      .then((complete) => {
        if (mayStore()) this.store(key, complete);
        return complete;
      })
      .finally(() => this.inFlight.delete(key));
    this.inFlight.set(key, response);
    return response;
  }

  private store(key: string, response: CachedResponse): void {
    if (response.status !== 200 || !mayShare(response)) return;
    const at = this.options.now();
    const ttl = ttlMillis * (1 - ttlJitter + 2 * ttlJitter * this.options.random());
    this.entries.set(key, { response, at, freshUntil: at + ttl });
  }
}

/** Fields with a length prefix: no field can run into the next. */
function lengthPrefixed(fields: readonly string[]): string {
  return fields.map((field) => `${field.length}:${field}`).join('');
}

function mayShare({ status, headers }: CachedResponse): boolean {
  if (status === 206 || valuesOf(headers, 'set-cookie').length > 0) return false;
  if (valuesOf(headers, 'vary').some((value) => value.includes('*'))) return false;
  return !valuesOf(headers, 'cache-control').some((value) => /\b(no-store|no-cache|private)\b/i.test(value));
}

function valuesOf(headers: readonly string[], name: string): readonly string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name);
}
