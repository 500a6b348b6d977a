import fc from 'fast-check';
import untypedParser from 'robots-parser';
import { describe, expect, test } from 'vitest';
import { isAllowed } from '../../../../src/domain/crawler/robots/is-allowed.js';
import { readRobots } from '../../../../src/domain/crawler/robots/read-robots.js';

const allows = (robots: string, path: string) => isAllowed(readRobots(robots, 'Heal7Crawler'), path);
const rule = (line: string, path: string) => allows(`user-agent: *\n${line}`, path);

// Its types are those of another form of module.
const robotsParser = untypedParser as unknown as typeof untypedParser.default;

describe('a rule of robots.txt', () => {
  test.each([
    ['/fish', '/fish', true],
    ['/fish', '/fish.html', true],
    ['/fish', '/Fish.asp', false],
    ['/fish', '/catfish', false],
    ['/fish*', '/fishheads/yummy.html', true],
    ['/fish/', '/fish', false],
    ['/fish/', '/fish/?id=1', true],
    ['/*.php', '/folder/any.php.file.html', true],
    ['/*.php', '/', false],
    ['/*.php$', '/a.php', true],
    ['/*.php$', '/a.php?x', false],
    ['/*.php$', '/a.php.php', true],
    ['/fish*.php', '/fishheads/catfish.php?a', true],
    ['/fish*.php', '/Fish.PHP', false],
    ['/$', '/', true],
    ['/$', '/a', false],
    ['*', '/anything', true],
    ['/a*b*c$', '/axbxbc', true],
    ['/a*b*c$', '/axbxcb', false],
    ['/a$b', '/a$b', true],
    ['/a$b', '/a', false],
    ['/a**b', '/a-b', true],
    ['/ab*ab$', '/ab', false],
    ['/foo/bar?baz=%3Cx', '/foo/bar?baz=<x', true],
    ['/foo/bar/ツ', '/foo/bar/%E3%83%84', true],
    ['/foo/bar/%E3%83%84', '/foo/bar/ツ', true],
    ['/foo/bar/%62%61%7A', '/foo/bar/baz', true],
    ['/foo/bar/baz', '/foo/bar/%62%61%7A', true],
    ['/%7Ejoe', '/~joe', true],
    ['/a%2fb', '/a/b', false],
    ['/a%2Fb', '/a%2fb', true],
    ['/a|b[c]^{d}', '/a|b[c]^{d}', true],
    ['/a|b', '/a%7Cb', true],
    ['/file-%2A.html', '/file-*.html', true],
    ['/file-%2A.html', '/file-x.html', false],
    ['/file-%24.html', '/file-$.html', true],
    ['/100%', '/100%25', true],
  ])('%s matches %s: %s', (pattern, path, matches) => {
    expect(rule(`disallow: ${pattern}`, path)).toBe(!matches);
  });

  test('that is longest decides, and of two as long the one that allows', () => {
    const lines = 'Allow: /p\nDisallow: /\nAllow: /folder\nDisallow: /folder/a\nAllow: /page\nDisallow: /*.htm';
    expect(rule(lines, '/page')).toBe(true);
    expect(rule(lines, '/folder/a')).toBe(false);
    expect(rule(lines, '/folder/b')).toBe(true);
    expect(rule(lines, '/page.htm')).toBe(false);
    expect(rule('Allow: /page\nDisallow: /page', '/page')).toBe(true);
    expect(rule('Disallow: /page\nAllow: /page', '/page')).toBe(true);
    expect(rule('Disallow: /', '/robots.txt')).toBe(true);
    expect(rule('Disallow:', '/page')).toBe(true);
  });
});

describe('a group of robots.txt', () => {
  test('of the crawler’s name counts alone, whatever its case, and all of them together', () => {
    const robots =
      'User-agent: *\nDisallow: /\n\nUser-Agent: heal7crawler\nDisallow: /a\n\nUser-agent: Other\nDisallow: /b\n\nUser-agent: HEAL7CRAWLER/1.0\nDisallow: /c';
    expect(['/', '/a', '/b', '/c'].map((path) => allows(robots, path))).toEqual([true, false, true, false]);
  });

  test('of a name that only begins alike is another’s', () => {
    expect(allows('User-agent: Heal7\nDisallow: /', '/x')).toBe(true);
    expect(allows('User-agent: Heal7CrawlerNews\nDisallow: /', '/x')).toBe(true);
    expect(allows('User-agent: *\nDisallow: /\nUser-agent: Heal7Crawler', '/x')).toBe(true);
  });

  test('has several names, which lines that are no rules neither end nor begin', () => {
    expect(
      allows('User-agent: a\nSitemap: http://x/\nUser-agent: Heal7Crawler\n\nUnknown: 1\nDisallow: /x', '/x'),
    ).toBe(false);
    expect(allows('User-agent: Heal7Crawler\nCrawl-delay: 3\nUser-agent: b\nDisallow: /', '/x')).toBe(true);
  });

  test('is read with comments, marks, any line end and any white space', () => {
    expect(allows('\ufeffUser-agent : Heal7Crawler # us\r  DISALLOW\t:  /x # no\r\nallow:/x/y', '/x')).toBe(false);
    expect(allows('Disallow: /\nno line at all\n: /\n', '/x')).toBe(true);
  });

  test('has the longest Crawl-delay of its lines, if they are numbers', () => {
    const delayOf = (robots: string) => readRobots(robots, 'Heal7Crawler').crawlDelaySeconds;
    expect(delayOf('User-agent: *\nCrawl-delay: 2.5\nCrawl-delay: 1')).toBe(2.5);
    expect(delayOf('User-agent: *\nCrawl-delay: 9\n\nUser-agent: Heal7Crawler\nDisallow: /x')).toBe(0);
    for (const text of ['-1', 'NaN', 'Infinity', '1e9', '', '1,5'])
      expect(delayOf(`User-agent: *\nCrawl-delay: ${text}`)).toBe(0);
  });

  test('answers as another parser does, where that reads rules as the standard has them', () => {
    const part = fc.constantFrom('a', 'b', '/', '*', 'ab', '/a', '?', '$');
    const path = fc.array(fc.constantFrom('a', 'b', '/', '?'), { maxLength: 8 }).map((parts) => `/${parts.join('')}`);
    const line = fc
      .tuple(fc.constantFrom('Allow', 'Disallow'), fc.array(part, { minLength: 1, maxLength: 6 }))
      // The other one takes a `$` within a rule for itself, and counts two wildcards in a row as two.
      .map(([key, parts]) => [key, `/${parts.join('')}`.replace(/\$(?=.)/g, '').replace(/\*+/g, '*')] as const);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), path, (lines, asked) => {
        const robots = ['User-agent: *', ...lines.map(([key, value]) => `${key}: ${value}`)].join('\n');
        const url = new URL(asked.replace(/^\/+/, '/'), 'http://site.test');
        const target = `${url.pathname}${url.search}`;
        expect(allows(robots, target)).toBe(
          robotsParser('http://site.test/robots.txt', robots).isAllowed(url.href, 'Heal7Crawler'),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('with half a megabyte of wildcards is answered within a moment', () => {
    const robots = `User-agent: *\n${`Disallow: /*a*a*a*a*a*a*a*a*b\n`.repeat(16_000)}`;
    const rules = readRobots(robots, 'Heal7Crawler');
    const begun = performance.now();
    expect(isAllowed(rules, `/${'a'.repeat(2000)}`)).toBe(true);
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});
