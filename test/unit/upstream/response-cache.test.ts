import { describe, expect, test } from 'vitest';
import { type CachedResponse, type CacheSubject, ResponseCache } from '../../../src/upstream/response-cache.js';

const subject: CacheSubject = { method: 'GET', url: 'ai/models', user: null, side: 'cube', version: '1', epoch: 0 };

class Bench {
  millis = 0;
  fetched = 0;
  readonly cache = new ResponseCache({ now: () => this.millis, random: () => 0.5, maxBytes: 1024 * 1024 });

  async ask(
    of: Partial<CacheSubject> = {},
    answer: Partial<CachedResponse> | Error = {},
    headers: readonly string[] = [],
  ): Promise<string> {
    const { response: got } = await this.cache.get({ ...subject, ...of }, headers, async () => {
      this.fetched++;
      const number = this.fetched;
      await new Promise((resolve) => setImmediate(resolve));
      if (answer instanceof Error) throw answer;
      return { status: 200, headers: [], body: Buffer.from(String(number)), ...answer };
    });
    return got.body.toString();
  }
}

describe('a cache', () => {
  test('makes one call for a thousand concurrent misses', async () => {
    const bench = new Bench();
    const answers = await Promise.all(Array.from({ length: 1000 }, () => bench.ask()));
    expect(new Set(answers)).toEqual(new Set(['1']));
    expect(bench.fetched).toBe(1);
  });

  test.each<[string, Partial<CacheSubject>]>([
    ['user', { user: 'alice' }],
    ['empty user', { user: '' }],
    ['side', { side: 'legacy' }],
    ['version', { version: '2' }],
    ['epoch', { epoch: 1 }],
    ['URL', { url: 'ai/models?x' }],
    ['method', { method: 'HEAD' }],
  ])('never crosses another %s', async (_name, other) => {
    const bench = new Bench();
    expect(await bench.ask()).toBe('1');
    expect(await bench.ask(other)).toBe('2');
    expect(await bench.ask()).toBe('1');
  });

  test('has different keys for fields that would run into each other', async () => {
    const bench = new Bench();
    await bench.ask({ url: 'a', user: 'bc' });
    expect(await bench.ask({ url: 'ab', user: 'c' })).toBe('2');
    expect(await bench.ask({ url: 'a1:b', user: 'c' })).toBe('3');
    await bench.ask({ side: 'cube', version: '1' });
    expect(await bench.ask({ side: 'cube1', version: '' })).toBe('5');
  });

  test('serves for five minutes, and half a minute more while it fetches again', async () => {
    const bench = new Bench();
    await bench.ask();
    bench.millis = 299_999;
    expect(await bench.ask()).toBe('1');
    bench.millis = 300_001;
    expect(await bench.ask()).toBe('1');
    await expect.poll(() => bench.fetched).toBe(2);
    await expect.poll(() => bench.ask()).toBe('2');
    bench.millis += 330_001;
    expect(await bench.ask()).toBe('3');
  });

  test.each<[string, Partial<CachedResponse>]>([
    ['headers', { headers: ['X-Long', 'x'.repeat(300_000)] }],
    ['a body', { body: Buffer.alloc(300_000) }],
  ])('holds no more than it may of answers with large %s', async (_name, answer) => {
    const bench = new Bench();
    for (const url of ['a', 'b', 'c', 'd']) await bench.ask({ url }, answer);
    await bench.ask({ url: 'd' }, answer);
    expect(bench.fetched).toBe(4);
    await bench.ask({ url: 'a' }, answer);
    expect(bench.fetched).toBe(5);
  });

  test('serves a stale response for five minutes when fetching fails', async () => {
    const bench = new Bench();
    await bench.ask();
    bench.millis = 400_000;
    expect(await bench.ask({}, { status: 500 })).toBe('1');
    expect(await bench.ask({}, new Error('away'))).toBe('1');
    bench.millis = 600_001;
    await expect(bench.ask({}, new Error('away'))).rejects.toThrow('away');
  });

  test.each<[string, Partial<CachedResponse>]>([
    ['5xx', { status: 500 }],
    ['404', { status: 404 }],
    ['no-store', { headers: ['Cache-Control', 'no-store'] }],
    ['private', { headers: ['cache-control', 'max-age=5, private'] }],
    ['a cookie', { headers: ['Set-Cookie', 'a=1'] }],
    ['Vary: *', { headers: ['Vary', '*'] }],
  ])('never keeps %s', async (_name, answer) => {
    const bench = new Bench();
    expect(await bench.ask({}, answer)).toBe('1');
    expect(await bench.ask({}, answer)).toBe('2');
  });

  test("gives one person's response to no other caller that waited for it", async () => {
    const bench = new Bench();
    const answers = await Promise.all([1, 2, 3].map(() => bench.ask({}, { headers: ['Set-Cookie', 'a=1'] })));
    expect(new Set(answers).size).toBe(3);
  });

  test('separates responses by the headers of their Vary, also for concurrent requests', async () => {
    const bench = new Bench();
    const vary = { headers: ['Vary', 'Accept-Language'] };
    const ask = (language: string) => bench.ask({}, vary, ['accept-language', language]);
    const [korean, english] = await Promise.all([ask('ko'), ask('en')]);
    expect(korean).not.toBe(english);
    expect(await ask('ko')).toBe(korean);
    expect(await ask('en')).toBe(english);
    expect(bench.fetched).toBe(2);
  });
});
