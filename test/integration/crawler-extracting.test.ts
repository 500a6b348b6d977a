import { afterAll, expect, test } from 'vitest';
import { ExtractionThreads } from '../../src/crawler/extracting/extraction-threads.js';

const rules = { selectors: { title: 'h1', text: 'p' }, filters: {} };
const fine = '<h1>운세</h1><p>오늘</p>';
const threads = new ExtractionThreads(1, { millis: 1500, mebibytes: 64 });
afterAll(() => threads.close());

test('a page is extracted by a thread, by the rules that come with it', async () => {
  const [one, other] = await Promise.all([
    threads.extract(fine, rules),
    threads.extract(fine, { selectors: { a: 'p' }, filters: { include: ['내일'] } }),
  ]);
  expect(one).toEqual({ kind: 'content', fields: { title: '운세', text: '오늘' } });
  expect(other).toEqual({ kind: 'filtered' });
});

test.each([
  ['nested without end', '<div>'.repeat(100_000)],
  [
    'with markup that a parser repeats for each part',
    `${Array.from({ length: 30_000 }, (_, place) => `<b a=${place}>`).join('')}${'<p>'.repeat(30_000)}`,
  ],
  [
    'with a selector that looks everywhere from everywhere',
    '<div><p>'.repeat(4000),
    'div:has(div:has(div:has(div:has(p.none))))',
  ],
])('a page %s fails alone, and the program and other pages go on', async (_, html, selector = 'p') => {
  let ticks = 0;
  const ticking = setInterval(() => {
    ticks += 1;
  }, 20);
  const hostile = threads.extract(html, { ...rules, selectors: { a: selector } });
  const next = threads.extract(fine, rules);
  await expect(hostile).rejects.toThrow(/Extracting from the page (takes more than|failed)/);
  expect(await next).toMatchObject({ kind: 'content' });
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(2);
});

test('a page that waits for a thread ends with the reason of the signal', async () => {
  const first = threads.extract(fine, rules);
  const stop = new AbortController();
  const waiting = threads.extract(fine, rules, stop.signal);
  stop.abort(new Error('paused'));
  await expect(waiting).rejects.toThrow('paused');
  expect(await first).toMatchObject({ kind: 'content' });
});
