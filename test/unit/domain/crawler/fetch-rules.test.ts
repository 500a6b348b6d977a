import { describe, expect, test } from 'vitest';
import { userAgentOf } from '../../../../src/domain/crawler/crawler-name.js';
import { backOff, isTransient, retryAfter } from '../../../../src/domain/crawler/retry-times.js';

describe('Retry-After', () => {
  const now = Date.parse('2026-11-29T12:00:00Z');
  test.each([
    ['120', 120_000],
    ['0', 0],
    [' 5 ', 5000],
    ['Sun, 29 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 29 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    [undefined, undefined],
    ['99999999999', undefined],
    ['2026-11-29T12:00:30Z', undefined],
  ])('%s asks for %s milliseconds', (header, millis) => {
    expect(retryAfter(header, now)).toBe(millis);
  });
});

test('the wait before another request doubles, and differs between workers', () => {
  const rule = { attempts: 3, firstBackOff: 1000, longestRetryAfter: 60_000 };
  expect([1, 2, 3].map((attempt) => backOff(rule, attempt, 0))).toEqual([1000, 2000, 4000]);
  expect(backOff(rule, 1, 1)).toBe(1250);
  expect([200, 304, 404, 410, 429, 500, 501, 503].filter(isTransient)).toEqual([429, 500, 503]);
});

test('the User-Agent names side, job and run, and nothing in them ends it', () => {
  expect(userAgentOf('7', 'crawl/7-2026-11-29T00:00:00Z')).toBe(
    'Heal7Crawler/1.0 (side=cube; job=7; run=crawl/7-2026-11-29T00:00:00Z)',
  );
  expect(userAgentOf('7', 'a)\r\nHost: b; (한')).toMatch(/^[\x21-\x27\x2a-\x7e ]+\([\x21-\x27\x2a-\x7e ]+\)$/);
});
