import { Random } from '../random.js';
import { drawPage, type PageLook, pageFonts } from './draw-page.js';
import { makePageText, type PageLanguage, plainText } from './page-text.js';
import { type ScanFaults, scanPage } from './scan-page.js';

/** The seed of the pages that are committed. */
export const committedSeed = 20;

/** A scanned page with what stands on it, and how it was made. */
export interface ScannedPage {
  /** `ko-1`. */
  readonly name: string;
  readonly text: string;
  readonly look: PageLook;
  readonly faults: ScanFaults;
  readonly jpeg: Buffer;
}

const languages: readonly PageLanguage[] = ['ko', 'ko', 'ko', 'ko', 'ko', 'ko', 'en', 'en', 'en', 'en'];
const jpegQuality = 60;

/** Six Korean pages and four English ones; texts, fonts and faults follow from the seed. */
export function makePages(seed: number): readonly ScannedPage[] {
  return languages.map((_, index) => makePage(seed, index));
}

function makePage(seed: number, index: number): ScannedPage {
  const language = languages[index] ?? 'ko';
  const random = new Random(seed * 1000 + index);
  const text = makePageText(language, random);
  const look = {
    font: random.pick(pageFonts),
    points: random.between(20, 22) / 2,
    dotsPerInch: random.between(170, 200),
  };
  const faults = {
    skewDegrees: (random.chance(0.5) ? 1 : -1) * (1.5 + 1.5 * random.next()),
    noise: 12 + 8 * random.next(),
    specks: 1 + 2 * random.next(),
    blurPixels: 0.4 + 0.4 * random.next(),
    shade: 40 * random.next(),
  };
  return {
    name: `${language}-${languages.slice(0, index + 1).filter((other) => other === language).length}`,
    text: plainText(text),
    look,
    faults,
    jpeg: scanPage(drawPage(text, look), faults, random).toBuffer('image/jpeg', jpegQuality),
  };
}
