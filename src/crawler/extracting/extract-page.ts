import { load } from 'cheerio';
import { type ContentFilters, compileFilter, type ExtractionRules } from './extraction-rules.js';

/** The texts of a page by field; or the page is left out by a filter of the job. */
export type Extraction =
  | { readonly kind: 'content'; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'filtered' };

/** Extracts from the text of a page. Throws where the page is nested deeper than the program's stack. */
export type PageExtractor = (html: string) => Extraction;

/**
 * The text of the first element of each selector, an empty one where there is none. The page is parsed as a browser does it, and nothing of it is executed or loaded. How long that takes depends
 * on how the page is built, for which reason programs have it done by `ExtractionThreads`. Throws where the rules do not parse.
 */
export function compileRules({ selectors, filters }: ExtractionRules): PageExtractor {
  const passes = compileFilters(filters);
  return (html) => {
    const root = load(html).root();
    const fields = Object.entries(selectors).map(
      ([field, selector]) => [field, normalizedText(root.find(selector).first().text())] as const,
    );
    const text = fields.map(([, value]) => value).join('\n');
    return passes(text) ? { kind: 'content', fields: Object.fromEntries(fields) } : { kind: 'filtered' };
  };
}

/** One space for any white space; letters in one form (NFC); no NUL, which JSON in PostgreSQL does not hold, and no half of a pair. */
function normalizedText(text: string): string {
  return text
    .replaceAll('\0', '')
    .replace(/[\ud800-\udfff]/gu, '\ufffd')
    .normalize('NFC')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function compileFilters({ include = [], exclude = [], min_length: minLength = 0 }: ContentFilters) {
  const [wanted, unwanted] = [include.map(compileFilter), exclude.map(compileFilter)];
  return (text: string): boolean =>
    text.length >= minLength &&
    (wanted.length === 0 || wanted.some((expression) => expression.matcher(text).find())) &&
    !unwanted.some((expression) => expression.matcher(text).find());
}
