import iconv from 'iconv-lite';
import { articleHtml, koreanArticle } from './articles.js';
import type { Page } from './page.js';

/** Words of which CP949 has letters that EUC-KR lacks. */
export const cp949Words = '똠방각하 펲시콜라 뷁';

interface OldPage {
  readonly contentType: string;
  readonly meta: string;
}

const euckrMeta = '<meta http-equiv="Content-Type" content="text/html; charset=euc-kr">';

/** Pages from before UTF-8, all in CP949: what their header and their `meta` say of it. */
const oldPages: Readonly<Record<string, OldPage>> = {
  header: { contentType: 'text/html; charset=euc-kr', meta: '' },
  meta: { contentType: 'text/html', meta: euckrMeta },
  missing: { contentType: 'text/html', meta: '' },
  'wrong-header': { contentType: 'text/html; charset=utf-8', meta: euckrMeta },
  'wrong-both': { contentType: 'text/html; charset=utf-8', meta: '<meta charset="utf-8">' },
  'latin-meta': { contentType: 'text/html', meta: '<meta charset="iso-8859-1">' },
  'unknown-name': { contentType: 'text/html; charset=x-hangul', meta: '<meta charset="ks_c_5601-1987">' },
};

export const oldPageNames = Object.keys(oldPages);

/** The title that every one of them has. */
export const oldTitle = `${koreanArticle(1).title} ${cp949Words}`;

export function oldPage(name: string): Page | undefined {
  const old = Object.hasOwn(oldPages, name) ? oldPages[name] : undefined;
  if (old === undefined) return undefined;
  const html = articleHtml({ ...koreanArticle(1), title: oldTitle }, '', old.meta);
  return { status: 200, headers: { 'content-type': old.contentType }, body: iconv.encode(html, 'cp949') };
}
