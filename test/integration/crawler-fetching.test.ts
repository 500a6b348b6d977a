import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import iconv from 'iconv-lite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FetchOutcome, FetchRequest } from '../../src/crawler/fetching/fetch-request.js';
import { createFetcher, type Fetcher } from '../../src/crawler/fetching/fetcher.js';
import { until } from '../support/conditions.js';
import { CrawlerHere } from '../support/crawler-here.js';
import { authorityFile } from '../support/tls-postgres.js';

let here: CrawlerHere;

beforeAll(async () => {
  here = await CrawlerHere.start();
});
afterAll(async () => {
  await here.stop();
});

const signal = new AbortController().signal;
const owner = { jobId: '7', runId: 'crawl/7-1' };

function fetchPage(url: string, more: Partial<FetchRequest> = {}, by: Fetcher = here.fetcher): Promise<FetchOutcome> {
  return by.fetch({ ...owner, url, pace: { requestsPerMinute: 100_000, delaySeconds: 0 }, ...more }, signal);
}

async function failureOf(url: string): Promise<string> {
  const outcome = await fetchPage(url);
  return outcome.kind === 'failed' ? outcome.reason : outcome.kind;
}

describe('an address that the safety rules refuse', () => {
  test.each([
    '10.0.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    '64:ff9b::a00:1',
    'fd00::1',
    '0.0.0.0',
    '168.63.129.16',
  ])('is not connected to where a name leads to it: %s', async (address) => {
    const name = `inside-${address.replaceAll(/[.:]/g, '-')}.test`;
    here.names.set(name, () => [address]);
    const before = here.dialled.length;
    expect(await fetchPage(`http://${name}/`)).toMatchObject({
      reason: 'address_refused',
      detail: expect.stringContaining(address),
    });
    expect(here.dialled.length).toBe(before);
  });

  test('makes a name be refused that has a public one too', async () => {
    here.names.set('half.test', () => ['93.184.216.34', '192.168.1.1']);
    expect(await failureOf('http://half.test/')).toBe('address_refused');
  });

  test('is not connected to when the name server gives it the second time', async () => {
    const addresses = [['93.184.216.34'], ['127.0.0.1']];
    here.names.set('rebinding.test', () => addresses.shift() ?? ['127.0.0.1']);
    // The connection of robots.txt is not used again, so that the page needs a name of its own.
    here.site.on('rebinding.test/robots.txt', (response) => response.writeHead(404, { connection: 'close' }).end());
    here.site.page('rebinding.test/', 'secret');
    expect(await failureOf('http://rebinding.test/')).toBe('address_refused');
    expect(here.site.pagesOf('rebinding.test')).toEqual([]);
    expect(here.dialled).not.toContain('127.0.0.1');
  });

  test.each([
    ['http://127.0.0.1/', 'address_refused'],
    ['http://2130706433/', 'address_refused'],
    ['http://[::1]/', 'address_refused'],
    ['http://169.254.169.254/latest/meta-data/', 'address_refused'],
    ['//0x7f.1/', 'address_refused'],
    ['http://inside.test/', 'address_refused'],
    ['http://site.test:22/', 'address_refused'],
    ['http://user:password@site.test/', 'url_invalid'],
    ['file:///etc/passwd', 'url_invalid'],
    ['gopher://site.test/', 'url_invalid'],
    ['http://%/', 'redirect_invalid'],
  ])('is not followed to by a redirect: %s', async (location, reason) => {
    here.names.set('inside.test', () => ['10.0.0.1']);
    here.site.redirect('/leads-inside', location);
    expect(await failureOf('http://site.test/leads-inside')).toBe(reason);
  });

  test('is connected to where a setting allows it, and no other', async () => {
    const { port } = here.site;
    const { parseAllowedTargets } = await import('../../src/domain/crawler/allowed-targets.js');
    const { dial: _, ...settings } = here.settings({ allowed: parseAllowedTargets(`127.0.0.1/32:${port}`) });
    const fetcher = createFetcher(settings);
    here.site.page('/allowed', 'inside');
    expect(await fetchPage(`http://127.0.0.1:${port}/allowed`, {}, fetcher)).toMatchObject({
      kind: 'page',
      html: 'inside',
    });
    expect(await fetchPage('http://127.0.0.1/allowed', {}, fetcher)).toMatchObject({ reason: 'address_refused' });
    expect(await fetchPage(`http://127.0.0.2:${port}/allowed`, {}, fetcher)).toMatchObject({
      reason: 'address_refused',
    });
    await fetcher.close();
  });

  test('is not reached by way of a proxy of the environment', async () => {
    const names = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'ALL_PROXY'];
    for (const name of names) process.env[name] = 'http://127.0.0.1:1';
    try {
      const fetcher = createFetcher(here.settings());
      here.site.page('/direct', 'direct');
      expect(await fetchPage('http://direct.test/direct', {}, fetcher)).toMatchObject({ kind: 'page' });
      await fetcher.close();
    } finally {
      for (const name of names) delete process.env[name];
    }
  });
});

describe('a hostile page ends its fetch alone', () => {
  test('that never ends', async () => {
    here.site.endless('/endless', Buffer.alloc(64 * 1024, '<a href="x">'));
    expect(await failureOf('http://site.test/endless')).toBe('too_large');
    expect(here.site.sentBytes).toBeLessThan(20 * 1024 * 1024);
  });

  test('that says it has a gigabyte', async () => {
    here.site.on('/gigabyte', (response) => response.writeHead(200, { 'content-length': String(2 ** 30) }).write('x'));
    expect(await fetchPage('http://site.test/gigabyte')).toMatchObject({
      reason: 'too_large',
      detail: expect.stringContaining('1073741824'),
    });
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(100 * 1024 * 1024))],
    ['deflate', deflateSync(Buffer.alloc(100 * 1024 * 1024))],
    ['br', brotliCompressSync(Buffer.alloc(20 * 1024 * 1024))],
  ])('that unpacks to far more than it is: %s', async (encoding, packed) => {
    here.site.page(`/bomb-${encoding}`, packed, { 'content-encoding': encoding });
    expect(await fetchPage(`http://site.test/bomb-${encoding}`)).toMatchObject({
      reason: 'too_large',
      detail: expect.stringContaining('unpacked'),
    });
  });

  test('that comes byte by byte, or stops, or never begins', async () => {
    here.site.endless('/slow', Buffer.from('x'), 50);
    here.site.on('/stops', (response) => response.writeHead(200, { 'content-type': 'text/html' }).write('x'));
    here.site.on('/silent', () => undefined);
    const outcomes = await Promise.all(
      ['slow', 'stops', 'silent'].map((path) => fetchPage(`http://site.test/${path}`)),
    );
    expect(outcomes).toMatchObject([
      { reason: 'timed_out', detail: expect.stringContaining('complete') },
      { reason: 'timed_out', detail: expect.stringContaining('No byte') },
      { reason: 'timed_out', detail: expect.stringContaining('No byte') },
    ]);
  });

  test('whose headers are too large, that is cut off, damaged, packed as nobody asked, or no text', async () => {
    here.site.page('/headers', 'x', { 'x-large': 'x'.repeat(40_000) });
    here.site.on('/cut', (response) => {
      response
        .writeHead(200, { 'content-type': 'text/html', 'content-length': '1000' })
        .write('x', () => response.destroy());
    });
    here.site.page('/damaged', gzipSync('text').subarray(0, 15), { 'content-encoding': 'gzip' });
    here.site.page('/no-gzip', 'plain', { 'content-encoding': 'gzip' });
    here.site.page('/zstd', 'x', { 'content-encoding': 'zstd' });
    here.site.page('/picture', 'x', { 'content-type': 'image/png' });
    const reasons = await Promise.all(
      ['headers', 'cut', 'damaged', 'no-gzip', 'zstd', 'picture'].map((path) => failureOf(`http://site.test/${path}`)),
    );
    expect(reasons).toEqual([
      'headers_too_large',
      'unreachable',
      'response_damaged',
      'response_damaged',
      'response_damaged',
      'not_text',
    ]);
  });

  test('that redirects for ever, after five redirects', async () => {
    here.site.redirect('/loop', '/loop');
    expect(await failureOf('http://loop.test/loop')).toBe('too_many_redirects');
    expect(here.site.pagesOf('loop.test').length).toBe(6);
  });

  test('while others are fetched', async () => {
    here.site.endless('/endless-again', Buffer.alloc(64 * 1024));
    here.site.page('/fine', 'fine');
    const outcomes = await Promise.all(
      ['/endless-again', '/fine', '/fine', '/slow'].map((path) => failureOf(`http://site.test${path}`)),
    );
    expect(outcomes).toEqual(['too_large', 'page', 'page', 'timed_out']);
  });
});

describe('robots.txt', () => {
  test('is kept on every host that a redirect leads to, and named the crawler with job and run', async () => {
    here.site.page('closed.test/robots.txt', 'User-agent: Heal7Crawler\nDisallow: /private');
    here.site.redirect('/moved', 'http://closed.test/private');
    expect(await failureOf('http://open.test/moved')).toBe('robots_disallowed');
    expect(here.site.pagesOf('closed.test')).toEqual([]);
    const agents = here.site.seen
      .filter(({ host }) => ['open.test', 'closed.test'].includes(host))
      .map(({ headers }) => headers['user-agent']);
    expect(agents).toEqual(Array(3).fill('Heal7Crawler/1.0 (side=cube; job=7; run=crawl/7-1)'));
  });

  test.each([
    [404, 'page'],
    [403, 'page'],
    [429, 'page'],
    [500, 'robots_unreachable'],
    [503, 'robots_unreachable'],
  ])('that is answered %s: %s', async (status, kind) => {
    const host = `robots-${status}.test`;
    here.site.on(`${host}/robots.txt`, (response) => response.writeHead(status).end());
    here.site.page(`${host}/`, 'page');
    expect(await failureOf(`http://${host}/`)).toBe(kind);
    expect(here.site.pagesOf(host).length).toBe(kind === 'page' ? 1 : 0);
  });

  test('that never comes forbids everything; that is redirected to an inside address too', async () => {
    here.site.redirect('trap.test/robots.txt', 'http://127.0.0.1/robots.txt');
    here.site.on('broken.test/robots.txt', (response) => response.destroy());
    here.site.page('/', 'page');
    expect(await Promise.all(['trap', 'broken'].map((name) => failureOf(`http://${name}.test/`)))).toEqual([
      'robots_unreachable',
      'robots_unreachable',
    ]);
  });

  test('is read where redirects lead, once for many pages, and to its 500th KiB', async () => {
    here.site.redirect('led.test/robots.txt', 'http://elsewhere.test/rules');
    const rules = `User-agent: *\nDisallow: /early\n#${'x'.repeat(512 * 1024)}\nDisallow: /late`;
    here.site.page('elsewhere.test/rules', gzipSync(rules), { 'content-encoding': 'gzip' });
    for (const path of ['/early', '/late', '/other']) here.site.page(`led.test${path}`, path);
    const kinds = await Promise.all(['/early', '/late', '/other'].map((path) => failureOf(`http://led.test${path}`)));
    expect(kinds).toEqual(['robots_disallowed', 'page', 'page']);
    expect(here.site.seen.filter(({ host, path }) => host === 'led.test' && path === '/robots.txt').length).toBe(1);
  });

  test('asks for a delay that all pages of the host keep', async () => {
    here.site.page('delayed.test/robots.txt', 'User-agent: *\nCrawl-delay: 0.3');
    here.site.page('patience.test/robots.txt', 'User-agent: *\nCrawl-delay: 86400');
    here.site.page('/', 'page');
    await Promise.all(Array.from({ length: 3 }, () => fetchPage('http://delayed.test/')));
    const times = here.site.pagesOf('delayed.test').map(({ at }) => at);
    expect(times.slice(1).every((at, index) => at - (times[index] ?? 0) >= 300)).toBe(true);
    expect(await failureOf('http://patience.test/')).toBe('crawl_delay_too_long');
  });
});

describe('a host that is busy', () => {
  test('is asked again after what it asks for, and all its pages wait', async () => {
    let busy = true;
    here.site.on('busy.test/', (response) => {
      if (busy) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.writeHead(200, { 'content-type': 'text/html' }).end('page');
      busy = false;
    });
    here.site.page('busy.test/other', 'other');
    const first = fetchPage('http://busy.test/');
    const began = here.site.pagesOf('busy.test').length;
    await expect.poll(() => here.site.pagesOf('busy.test').length).toBeGreaterThan(began);
    expect(await fetchPage('http://busy.test/other')).toMatchObject({ kind: 'page' });
    expect(await first).toMatchObject({ kind: 'page' });
    const [refused, ...others] = here.site.pagesOf('busy.test').map(({ at }) => at);
    expect(others.length).toBe(2);
    for (const at of others) expect(at - (refused ?? 0)).toBeGreaterThan(950);
  });

  test('and stays so is given up after three requests; one that asks for an hour after one, for all pages', async () => {
    here.site.on('tired.test/', (response) => response.writeHead(429, { 'retry-after': '0' }).end());
    here.site.on('closed-today.test/', (response) => response.writeHead(503, { 'retry-after': '3600' }).end());
    expect(await fetchPage('http://tired.test/')).toMatchObject({ reason: 'rate_limited', status: 429 });
    expect(here.site.pagesOf('tired.test').length).toBe(3);
    expect(await fetchPage('http://closed-today.test/')).toMatchObject({ reason: 'status_unexpected', status: 503 });
    expect(await failureOf('http://closed-today.test/more')).toBe('rate_limited');
    expect(here.site.pagesOf('closed-today.test').length).toBe(1);
  });

  test('for a moment only gives the page in the end', async () => {
    const statuses = [500, 502];
    here.site.on('moment.test/', (response) => {
      const status = statuses.shift();
      if (status === undefined) response.writeHead(200, { 'content-type': 'text/html' }).end('page');
      else response.writeHead(status).end();
    });
    expect(await fetchPage('http://moment.test/')).toMatchObject({ kind: 'page' });
    expect(here.site.pagesOf('moment.test').length).toBe(3);
  });

  test('with a fetch that is interrupted and begun again gets three requests in all', async () => {
    here.site.on('again.test/', (response) => response.writeHead(500, { 'retry-after': '1' }).end());
    for (let batch = 0; batch < 2; batch++) {
      const stop = new AbortController();
      const asked = here.site.pagesOf('again.test').length;
      const fetching = here.fetcher.fetch(
        { ...owner, url: 'http://again.test/', pace: { requestsPerMinute: 1000, delaySeconds: 0 } },
        stop.signal,
      );
      await expect.poll(() => here.site.pagesOf('again.test').length, { timeout: 5000 }).toBeGreaterThan(asked);
      stop.abort(new Error('the batch ends'));
      await expect(fetching).rejects.toThrow('the batch ends');
    }
    expect(await failureOf('http://again.test/')).toBe('status_unexpected');
    expect(here.site.pagesOf('again.test').length).toBe(3);
  });
});

describe('a page', () => {
  test('is answered with its text, its size as it came, and what it says to be asked by', async () => {
    const packed = gzipSync('<title>운세</title>');
    here.site.page('/good', packed, {
      'content-encoding': 'gzip',
      etag: '"1"',
      'last-modified': 'Sun, 29 Nov 2026 12:00:00 GMT',
    });
    here.site.redirect('/to-good', '/good#part');
    expect(await fetchPage('http://good.test/to-good')).toEqual({
      kind: 'page',
      url: 'http://good.test/good',
      html: '<title>운세</title>',
      bytes: packed.length,
      validators: { url: 'http://good.test/good', etag: '"1"', lastModified: 'Sun, 29 Nov 2026 12:00:00 GMT' },
    });
    expect(here.events).toContain(`7 good.test:80 fetched ${packed.length}`);
  });

  test('that has not changed is not sent again, wherever a redirect led to it', async () => {
    here.site.on('/tagged', (response, request) => {
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end();
      else response.writeHead(200, { 'content-type': 'text/html', etag: '"1"' }).end('page');
    });
    here.site.redirect('/to-tagged', '/tagged');
    const first = await fetchPage('http://tagged.test/to-tagged');
    const validators = first.kind === 'page' ? first.validators : undefined;
    expect(await fetchPage('http://tagged.test/to-tagged', { validators })).toEqual({ kind: 'not_modified' });
    const asked = here.site.pagesOf('tagged.test').map(({ path, headers }) => [path, headers['if-none-match']]);
    expect(asked.slice(2)).toEqual([
      ['/to-tagged', undefined],
      ['/tagged', '"1"'],
    ]);
  });

  test('is read packed in each way that is asked for, and in Korean without a word on its encoding', async () => {
    const text = '<p>똠방각하</p>';
    here.site.page('/deflate', deflateSync(text), { 'content-encoding': 'deflate' });
    here.site.page('/raw', deflateRawSync(text), { 'content-encoding': 'deflate' });
    here.site.page('/br', brotliCompressSync(text), { 'content-encoding': 'br' });
    here.site.page('/cp949', iconv.encode(text, 'cp949'));
    here.site.page('/empty', '', { 'content-encoding': 'gzip' });
    const pages = await Promise.all(
      ['deflate', 'raw', 'br', 'cp949', 'empty'].map((path) => fetchPage(`http://packed.test/${path}`)),
    );
    expect(pages.map((page) => (page.kind === 'page' ? page.html : page))).toEqual([text, text, text, text, '']);
  });

  test('fails with the reason of its host or answer', async () => {
    const fetcher = createFetcher(
      here.settings({ resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })) }),
    );
    expect(await fetchPage('http://nowhere.test/', {}, fetcher)).toMatchObject({ reason: 'name_not_resolved' });
    await fetcher.close();
    here.site.on('/gone', (response) => response.writeHead(410).end());
    here.site.on('/unasked', (response) => response.writeHead(304).end());
    expect(await fetchPage('http://site.test/gone')).toMatchObject({ reason: 'status_unexpected', status: 410 });
    expect(await fetchPage('http://site.test/unasked')).toMatchObject({ reason: 'status_unexpected', status: 304 });
    expect(await failureOf('no URL')).toBe('url_invalid');
    expect(await failureOf('https://site.test/')).toBe('tls_failed');
  });

  test('is not asked for when the caller says so before, which counts no request', async () => {
    here.site.page('once.test/', 'page');
    const pace = { requestsPerMinute: 1, delaySeconds: 0 };
    const refuse = () => {
      throw new Error('not now');
    };
    await expect(fetchPage('http://once.test/', { pace, beforeRequest: refuse })).rejects.toThrow('not now');
    expect(here.site.pagesOf('once.test')).toEqual([]);
    expect(await fetchPage('http://once.test/', { pace })).toMatchObject({ kind: 'page' });
  });

  test('that waits for its host ends with the reason of the signal', async () => {
    const stop = new AbortController();
    const waiting = here.fetcher.fetch(
      { ...owner, url: 'http://once.test/', pace: { requestsPerMinute: 1, delaySeconds: 0 } },
      stop.signal,
    );
    stop.abort(new Error('paused'));
    await expect(waiting).rejects.toThrow('paused');
  });
});

test('a site over TLS is fetched by the certificate of its name, and not without one that is trusted', async () => {
  const pem = (name: string) => readFileSync(fileURLToPath(new URL(`../data/tls/${name}`, import.meta.url)));
  const paths: (string | undefined)[] = [];
  const server = createServer({ key: pem('server.key'), cert: pem('server.pem') }, (request, response) => {
    paths.push(request.url);
    response.writeHead(request.url === '/robots.txt' ? 404 : 200, { 'content-type': 'text/html' }).end('page');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dial = () => ({ address: '127.0.0.1', port });
  const fetcher = createFetcher(here.settings({ dial }));
  expect(await fetchPage('https://localhost/', {}, fetcher)).toMatchObject({ kind: 'failed', reason: 'tls_failed' });
  expect(paths).toEqual([]);
  await fetcher.close();
  // Which authorities a program trusts is settled when it starts.
  const file = fileURLToPath(new URL('../support/pace-worker.mjs', import.meta.url));
  const args = [file, here.redisUrl, `https://localhost:${port}/`, '1', '1000', '0', '60000'];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authorityFile };
  const worker = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'inherit'], env });
  await until('a page', () => paths.includes('/'));
  worker.stdin.end();
  await once(worker, 'exit');
  server.closeAllConnections();
  server.close();
});
