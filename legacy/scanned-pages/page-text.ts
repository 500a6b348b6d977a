import type { Random } from '../random.js';
import { englishSentences, englishTitles } from './english-sentences.js';
import { koreanSentences, koreanTitles } from './korean-sentences.js';

export type PageLanguage = 'ko' | 'en';

/** A title and paragraphs. */
export interface PageText {
  readonly title: string;
  readonly paragraphs: readonly string[];
}

const minCharacters = { ko: 540, en: 700 } as const;
const sentencesInParagraph = 4;

/** A text of its own for each seed, with no sentence twice. */
export function makePageText(language: PageLanguage, random: Random): PageText {
  const [titles, sentences] =
    language === 'ko' ? [koreanTitles, koreanSentences] : ([englishTitles, englishSentences] as const);
  const title = random.pick<string>([titles[0], ...titles.slice(1)]);
  const left: string[] = [...sentences];
  const paragraphs: string[] = [];
  let length = title.length;
  while (length < minCharacters[language]) {
    const paragraph = Array.from({ length: sentencesInParagraph }, () => {
      const [sentence = ''] = left.splice(random.between(0, left.length - 1), 1);
      return sentence.replaceAll('#', () => String(random.between(1, 9)));
    }).join(' ');
    paragraphs.push(paragraph);
    length += paragraph.length + 1;
  }
  return { title, paragraphs };
}

/** As the file next to a page has it. */
export function plainText({ title, paragraphs }: PageText): string {
  return `${[title, ...paragraphs].join('\n')}\n`;
}
