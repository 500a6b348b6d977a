import { expect, test } from 'vitest';
import { readMetricsText } from '../../../src/metrics/metrics-text.js';

const bytes = 110_000;
const filled = (piece: string) => piece.repeat(Math.ceil(bytes / piece.length));

/** In processor time, since other tests share the processor; what takes long by itself does so three times in a row. */
function isReadInTime(text: string): boolean {
  return [1, 2, 3].some(() => {
    const began = process.cpuUsage();
    readMetricsText(text);
    const { user, system } = process.cpuUsage(began);
    return user + system < 50_000;
  });
}

/** What a peer may send to keep a reader busy: pieces that expressions try again and again, in every part of a line. */
const pieces = ['a', ' ', '{', '}', '"', '\\', '\\"', 'a=', 'a="', 'a="b",', '} ', ' 1', '1', '#'];
const starts = ['', 'a', 'a ', 'a{', 'a{a="', 'a{a="b"', 'a{a="b"}', 'a{} 1', 'a{} 1 ', '# ', '# TYPE ', '# TYPE a'];
const ends = ['', '!', '} 1', '"} 1'];

test.each(starts)('a hostile text of 110 kB that begins with %j is read in less than 50 ms', (start) => {
  for (const piece of pieces) {
    for (const end of ends)
      expect([piece, end, isReadInTime(`${start}${filled(piece)}${end}`)]).toEqual([piece, end, true]);
    expect([piece, isReadInTime(filled(`${start}${piece}\n`))]).toEqual([piece, true]);
  }
});

test('reads names, labels, values and times, and what families are declared', () => {
  const { samples, families } = readMetricsText(
    [
      '# HELP requests_total Requests: a "b" {c}',
      '# TYPE requests_total counter',
      '#TYPE other counter',
      'requests_total 1',
      'requests_total{} 2',
      '  requests_total{ a = "x" , b="" , } 3.5e1 1395066363000  ',
      'requests_total{a="quote \\" slash \\\\ line \\n brace } comma ,"}\t-4 -1',
      'job:rate{__proto__="kept"} 0\r',
    ].join('\n'),
  );
  expect([...families]).toEqual(['requests_total']);
  expect(samples).toEqual([
    { name: 'requests_total', labels: {}, value: 1 },
    { name: 'requests_total', labels: {}, value: 2 },
    { name: 'requests_total', labels: { a: 'x', b: '' }, value: 35 },
    { name: 'requests_total', labels: { a: 'quote " slash \\ line \n brace } comma ,' }, value: -4 },
    { name: 'job:rate', labels: Object.fromEntries([['__proto__', 'kept']]), value: 0 },
  ]);
});

test.each([
  '',
  '{a="b"} 1',
  '1a 1',
  'a',
  'a ',
  'a{',
  'a{b} 1',
  'a{b=c} 1',
  'a{b="c} 1',
  'a{b="c" d="e"} 1',
  'a{b="c"',
  'a{b="c"} ',
  'a NaN',
  'a +Inf',
  'a one',
  'a 1 2 3',
  'a 1 1.5',
  `a{b="${'c'.repeat(20_000)}"} 1`,
])('passes over %.30s', (line) => {
  expect(readMetricsText(`${line}\nkept 1\n`).samples).toEqual([{ name: 'kept', labels: {}, value: 1 }]);
});
