import { articlePage, benchPage, englishArticle, koreanArticle } from './articles.js';
import { oldPage, oldPageNames } from './old-pages.js';
import { emptyPage, htmlPage, type Page } from './page.js';

/**
 * The pages of the site:
 * `/ko/N`, `/en/N` articles; `/bench/N` of 20 kB; `/old/NAME` in CP949; `/etag/N` with an ETag; `/slow/MILLIS`; `/status/CODE`;
 * `/redirect/N` N redirects to an article, `/redirect/loop`, `/redirect/to?url=`; `/private/…`, which robots.txt closes.
 * `busyFor(name, millis)` says whether `/busy/NAME/MILLIS` still is in its first milliseconds after the first request.
 */
export function pageOf(
  url: URL,
  ifNoneMatch: string | undefined,
  busyFor: (name: string, millis: number) => boolean,
): Page {
  const [, section = '', name = '', further = ''] = url.pathname.split('/');
  const number = /^\d{1,9}$/.test(name) ? Number(name) : undefined;
  const numbered = number === undefined ? undefined : numberedPage(section, number, ifNoneMatch);
  if (numbered !== undefined) return numbered;
  if (url.pathname === '/') return home;
  if (section === 'old') return oldPage(name) ?? emptyPage(404);
  if (section === 'private') return articlePage(koreanArticle(0));
  if (section === 'busy' && /^\d{1,9}$/.test(further))
    return busyFor(name, Number(further)) ? emptyPage(429, { 'retry-after': '1' }) : articlePage(englishArticle(1));
  if (url.pathname === '/redirect/loop') return redirectTo('/redirect/loop');
  if (url.pathname === '/redirect/to') return redirectTo(url.searchParams.get('url') ?? '/');
  return emptyPage(404);
}

function numberedPage(section: string, number: number, ifNoneMatch: string | undefined): Page | undefined {
  switch (section) {
    case 'ko':
      return articlePage(koreanArticle(number));
    case 'en':
      return articlePage(englishArticle(number));
    case 'bench':
      return benchPage(number);
    case 'etag': {
      const etag = `"v1-${number}"`;
      if (ifNoneMatch === etag) return { status: 304, headers: { etag }, body: Buffer.alloc(0) };
      const page = articlePage(koreanArticle(number));
      return { ...page, headers: { ...page.headers, etag } };
    }
    case 'slow':
      return { ...articlePage(koreanArticle(2)), waitMillis: number };
    case 'status':
      return emptyPage(number >= 200 && number < 600 ? number : 404);
    case 'redirect':
      return redirectTo(number === 0 ? '/en/1' : `/redirect/${number - 1}`);
    default:
      return undefined;
  }
}

function redirectTo(location: string): Page {
  return emptyPage(302, { location });
}

const links = ['/ko/1', '/en/1', '/etag/1', '/bench/1', ...oldPageNames.map((name) => `/old/${name}`), '/private/1'];
const home = htmlPage(
  `<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>HEAL7 데모</title></head><body><h1 class="title">HEAL7 데모</h1>
<ul>${links.map((path) => `<li><a href="${path}">${path}</a></li>`).join('')}</ul></body></html>\n`,
);
