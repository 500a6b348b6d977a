import type { Page } from 'tesseract.js';

export interface RecognizedWord {
  readonly text: string;
  /** 0 to 100. */
  readonly confidence: number;
  readonly bbox: { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number };
}

/** A line; its words follow each other in the text, where only those of Latin letters are sure to be apart. */
export interface RecognizedLine {
  readonly text: string;
  readonly words: readonly RecognizedWord[];
}

/** The lines of a page; an empty one is behind each paragraph. */
export function linesOf({ blocks }: Page): readonly RecognizedLine[] {
  const end: RecognizedLine = { text: '', words: [] };
  return (blocks ?? []).flatMap(({ paragraphs }) => paragraphs.flatMap(({ lines }) => [...lines, end]));
}

export function textOfLines(lines: readonly RecognizedLine[]): string {
  return lines
    .map(({ text }) => text.trim())
    .join('\n')
    .trim();
}

/** Words in Latin letters that are what they seem have more; only Hangul that was taken for Latin has so little. */
const sureConfidence = 85;

/** Whether a reading in both languages has words that may be Hangul, taken for Latin letters: "OF" for "여덟". */
export function hasDoubtfulWords(lines: readonly RecognizedLine[]): boolean {
  return /\p{Script=Hangul}/u.test(textOfLines(lines)) && lines.some(({ words }) => words.some(isDoubtful));
}

/**
 * The same, with doubtful words as a reading in Korean alone has them, where that is surer and has nothing but Hangul. The latter makes
 * nonsense of words in Latin letters, and most often a word of each syllable.
 */
export function preferHangul(
  lines: readonly RecognizedLine[],
  korean: readonly RecognizedLine[],
): readonly RecognizedLine[] {
  const syllables = korean.flatMap(({ words }) => words);
  return lines.map(({ text, words }) => {
    let [done, left] = ['', text];
    for (const word of words) {
      const at = left.indexOf(word.text);
      if (at < 0) continue;
      const preferred = isDoubtful(word) ? hangulAt(word, syllables) : undefined;
      done += left.slice(0, at) + (preferred ?? word.text);
      left = left.slice(at + word.text.length);
    }
    return { text: done + left, words };
  });
}

/** What the reading in Korean has in the place of a word; undefined where it is not surer, or no Hangul. */
function hangulAt(word: RecognizedWord, syllables: readonly RecognizedWord[]): string | undefined {
  const inside = syllables.filter((syllable) => isInside(syllable, word));
  const text = inside.map((syllable) => syllable.text).join('');
  const confidence = inside.reduce((sum, syllable) => sum + syllable.confidence, 0) / inside.length;
  return /^\p{Script=Hangul}+[.,!?]?$/u.test(text) && confidence > word.confidence ? text : undefined;
}

function isDoubtful({ text, confidence }: RecognizedWord): boolean {
  return confidence < sureConfidence && /\p{Script=Latin}/u.test(text);
}

/** By its middle: the same letters have not quite the same box in both readings. */
function isInside({ bbox: inner }: RecognizedWord, { bbox: outer }: RecognizedWord): boolean {
  const [x, y] = [(inner.x0 + inner.x1) / 2, (inner.y0 + inner.y1) / 2];
  return outer.x0 <= x && x <= outer.x1 && outer.y0 <= y && y <= outer.y1;
}
