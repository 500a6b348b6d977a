import { htmlPage, type Page } from './page.js';

/** What the selectors of ordinary jobs find on every article. */
export interface Article {
  readonly language: 'ko' | 'en';
  readonly title: string;
  readonly author: string;
  readonly published: string;
  readonly summary: string;
  readonly body: string;
}

const signs = ['쥐', '소', '호랑이', '토끼', '용', '뱀', '말', '양', '원숭이', '닭', '개', '돼지'] as const;
const authors = ['김하늘', '이서준', '박지우', '최민서', '정도윤'] as const;
const writers = ['Jane Park', 'Tom Lee', 'Alice Kim', 'Min Choi'] as const;

export function koreanArticle(number: number): Article {
  const sign = signs[number % signs.length];
  return {
    language: 'ko',
    title: `${sign}띠 ${number}번째 오늘의 운세`,
    author: authors[number % authors.length] ?? authors[0],
    published: dayOf(number),
    summary: `${sign}띠에게 좋은 하루가 예상됩니다. 재물운 ${number % 100}점.`,
    body: `아침에는 차분하게 시작하고 오후에는 사람을 만나십시오. 행운의 숫자는 ${(number * 7) % 45}입니다.`,
  };
}

export function englishArticle(number: number): Article {
  return {
    language: 'en',
    title: `Reading the four pillars, part ${number}`,
    author: writers[number % writers.length] ?? writers[0],
    published: dayOf(number),
    summary: `Part ${number}: what the day pillar says, and what it does not.`,
    body: `The day begins at midnight & the hour pillar changes every two hours; see part ${number + 1}.`,
  };
}

export function articlePage(article: Article, further = ''): Page {
  return htmlPage(articleHtml(article, further));
}

export function articleHtml(article: Article, further = '', meta = '<meta charset="utf-8">'): string {
  const { language, title, author, published, summary, body } = article;
  return `<!doctype html>
<html lang="${language}"><head>${meta}<title>${escaped(title)}</title></head>
<body><nav><a href="/">HEAL7</a></nav>
<article><h1 class="title">${escaped(title)}</h1>
<p class="author">${escaped(author)}</p><time class="published" datetime="${published}">${published}</time>
<p class="summary">${escaped(summary)}</p>
<div class="body"><p>${escaped(body)}</p>${further}</div></article></body></html>
`;
}

/** The same paragraphs for every page: so many that a page has 20 kB. */
const ballast = Array.from(
  { length: 115 },
  (_, index) =>
    `<p class="note" data-index="${index}">Note ${index}: pillars, branches and stems are listed in <a href="/en/${index}">part ${index}</a>, with examples of each and how they meet in a year.</p>`,
).join('\n');

/** One of a long list of pages of 20 kB, on which five selectors find something. */
export function benchPage(number: number): Page {
  return articlePage(englishArticle(number), ballast);
}

function dayOf(number: number): string {
  return new Date(Date.UTC(2020, 0, 1) + (number % 2000) * 86_400_000).toISOString().slice(0, 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
