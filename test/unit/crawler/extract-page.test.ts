import { describe, expect, test } from 'vitest';
import { contentDigest } from '../../../src/crawler/extracting/content-digest.js';
import { compileRules } from '../../../src/crawler/extracting/extract-page.js';
import { readExtractionRules } from '../../../src/crawler/extracting/extraction-rules.js';

const extract = (html: string, selectors: Record<string, string>, filters = {}) =>
  compileRules({ selectors, filters })(html);

describe('a page', () => {
  test('gives the text of the first element of each selector, in one form', () => {
    const html = '<h1> 오늘의\n\t운세 </h1><p class=a>하나<b> 둘</b></p><p class=a>셋</p><td>칸';
    expect(extract(html, { title: 'h1', text: 'p.a', none: 'article', ['__proto__']: 'b' })).toEqual({
      kind: 'content',
      fields: Object.fromEntries([
        ['title', '오늘의 운세'],
        ['text', '하나 둘'],
        ['none', ''],
        ['__proto__', '둘'],
      ]),
    });
    expect(extract('<i>\u1112\u1161\u11ab\0</i>', { word: 'i' })).toEqual({ kind: 'content', fields: { word: '한' } });
  });

  test('with broken markup is read as a browser reads it', () => {
    expect(
      extract('<table><tr><td>1<td>2</table><p>a<p>b</div></b>', { cell: 'tbody > tr > td + td', text: 'p + p' }),
    ).toEqual({
      kind: 'content',
      fields: { cell: '2', text: 'b' },
    });
  });

  test('never runs what it holds', () => {
    const html = '<script>globalThis.ran = true</script><img src=x onerror="globalThis.ran = true"><p>text</p>';
    extract(html, { text: 'p' });
    expect('ran' in globalThis).toBe(false);
  });

  test('is left out by a filter', () => {
    const kindOf = (filters: object) => extract('<p>사주 팔자</p><i>x</i>', { a: 'p', b: 'i' }, filters).kind;
    expect(kindOf({ include: ['없다', '팔자$'] })).toBe('filtered');
    expect(kindOf({ include: ['없다', '(?m)팔자$'] })).toBe('content');
    expect(kindOf({ exclude: ['사주'] })).toBe('filtered');
    expect(kindOf({ min_length: 7 })).toBe('content');
    expect(kindOf({ min_length: 8 })).toBe('filtered');
    expect(kindOf({ include: [] })).toBe('content');
  });

  test('is filtered in a moment by an expression that would keep another engine busy for years', () => {
    const begun = performance.now();
    expect(extract(`<p>${'a'.repeat(50_000)}!</p>`, { a: 'p' }, { include: ['^(a+)+$'] }).kind).toBe('filtered');
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});

describe('rules of a job', () => {
  const outcomeOf = (selectors: unknown, filters: unknown) => readExtractionRules(selectors, filters).outcome;

  test.each(['p:nope', 'div:has(', 'p::before', '', ' ', '<p>', 'a[', '::', 'ns|a', 5, null])(
    'selector_invalid: %s',
    (selector) => {
      expect(outcomeOf({ field: selector }, null)).toBe('selector_invalid');
    },
  );
  test.each([5, 'p', ['p']])('selector_invalid: selectors %s', (selectors) => {
    expect(outcomeOf(selectors, null)).toBe('selector_invalid');
  });
  test.each(['(a', '(?=a)', '(?<!a)b', '(a)\\1', '[', '*', '((a{100}){100}){100}', 5])(
    'filter_invalid: %s',
    (expression) => {
      expect(outcomeOf({}, { include: [expression] })).toBe('filter_invalid');
      expect(outcomeOf({}, { exclude: [expression] })).toBe('filter_invalid');
    },
  );
  test.each([{ min_length: '5' }, { min_length: -1 }, { include: 'a' }, [], 'a'])(
    'filter_invalid: filters %j',
    (filters) => {
      expect(outcomeOf({}, filters)).toBe('filter_invalid');
    },
  );

  test('that parse are read, and none is nothing', () => {
    expect(
      readExtractionRules({ a: 'main > p:nth-child(2), .b:not(.c)' }, { include: ['가|나'], min_length: 3 }),
    ).toEqual({
      outcome: 'read',
      rules: {
        selectors: { a: 'main > p:nth-child(2), .b:not(.c)' },
        filters: { include: ['가|나'], exclude: [], min_length: 3 },
      },
    });
    expect(outcomeOf(null, undefined)).toBe('read');
  });
});

test('equal contents have equal digests, whatever the order of their fields, and others have others', () => {
  expect(contentDigest({ a: '1', b: '2' })).toBe(contentDigest({ b: '2', a: '1' }));
  expect(contentDigest({ a: '1', b: '2' })).not.toBe(contentDigest({ a: '1,b', '2': '' }));
  expect(contentDigest({ a: '1' })).toMatch(/^[0-9a-f]{64}$/);
});
