import { expect, test } from 'vitest';
import {
  hasDoubtfulWords,
  preferHangul,
  type RecognizedLine,
  textOfLines,
} from '../../../src/documents/reading/recognized-words.js';

/** Words of a line, each with its confidence and where it begins and ends. */
function line(text: string, ...words: readonly [string, number, number, number][]): RecognizedLine {
  return {
    text,
    words: words.map(([word, confidence, x0, x1]) => ({ text: word, confidence, bbox: { x0, x1, y0: 0, y1: 20 } })),
  };
}

const both = [
  line(
    '기차는 OF 시에 Cube\n',
    ['기차', 90, 0, 40],
    ['는', 90, 40, 60],
    ['OF', 44, 70, 110],
    ['시에', 90, 120, 160],
    ['Cube', 96, 170, 250],
  ),
];
const korean = [line('기차는 여덟 시에 (406', ['여', 93, 70, 88], ['덟', 80, 90, 110], ['(406', 66, 170, 250])];

test('puts Hangul in the place of doubtful Latin letters, and keeps the spaces and the sure ones', () => {
  expect(hasDoubtfulWords(both)).toBe(true);
  expect(textOfLines(preferHangul(both, korean))).toBe('기차는 여덟 시에 Cube');
});

test.each<[string, RecognizedLine]>([
  ['is less sure', line('여덟', ['여', 30, 70, 88], ['덟', 40, 90, 110])],
  ['is no Hangul', line('0[', ['0[', 95, 70, 110])],
  ['is elsewhere', line('여덟', ['여덟', 95, 170, 250])],
])('keeps a doubtful word where the reading in Korean %s', (_, other) => {
  expect(textOfLines(preferHangul(both, [other]))).toBe('기차는 OF 시에 Cube');
});

test('has no doubt where a page has no Hangul, or Latin letters are sure', () => {
  expect(hasDoubtfulWords([line('dim OF', ['OF', 20, 0, 10])])).toBe(false);
  expect(hasDoubtfulWords([line('기차 Cube', ['기차', 90, 0, 10], ['Cube', 96, 20, 30])])).toBe(false);
});
