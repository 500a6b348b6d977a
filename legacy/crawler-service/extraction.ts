import { load } from 'cheerio';

/** Selectors or filters of a job that nothing can be done with; `field` is the column. */
export class UnreadableRule extends Error {
  constructor(
    readonly field: 'css_selectors' | 'content_filters',
    message: string,
  ) {
    super(message);
  }
}

/** What a job takes from a page. */
export interface Extraction {
  /** The text of the first element of each selector; undefined for a page that the filters leave out. */
  contentOf(html: string): Readonly<Record<string, string>> | undefined;
}

/** Reads `{field: selector}` and `{include: [regex], exclude: [regex], min_length}`. Throws `UnreadableRule`. */
export function readExtraction(selectors: unknown, filters: unknown): Extraction {
  const fields = readSelectors(selectors);
  const keeps = readFilters(filters);
  return {
    contentOf(html) {
      const page = load(html).root();
      const content = Object.fromEntries(
        fields.map(([field, selector]) => [field, plain(page.find(selector).first().text())]),
      );
      return keeps(Object.values(content).join('\n')) ? content : undefined;
    },
  };
}

/** Without the NUL, which no JSON of PostgreSQL holds. */
function plain(text: string): string {
  return text.replaceAll('\0', '').replaceAll(/\s+/g, ' ').trim();
}

function readSelectors(selectors: unknown): readonly (readonly [string, string])[] {
  const empty = load('').root();
  return Object.entries(objectOf('css_selectors', selectors)).map(([field, selector]) => {
    if (typeof selector !== 'string') throw new UnreadableRule('css_selectors', `${field} is not a text.`);
    // What begins with a tag would be taken for a page.
    if (/^\s*(<|$)/.test(selector)) throw new UnreadableRule('css_selectors', `${field} is no CSS selector.`);
    try {
      empty.find(selector);
    } catch {
      throw new UnreadableRule('css_selectors', `${field} is no CSS selector.`);
    }
    return [field, selector];
  });
}

function readFilters(filters: unknown): (text: string) => boolean {
  const { include, exclude, min_length } = objectOf('content_filters', filters);
  const minLength = min_length ?? 0;
  const [wanted, unwanted] = [expressionsOf('include', include), expressionsOf('exclude', exclude)];
  if (typeof minLength !== 'number') throw new UnreadableRule('content_filters', 'min_length is not a number.');
  return (text) =>
    text.length >= minLength &&
    (wanted.length === 0 || wanted.some((expression) => expression.test(text))) &&
    !unwanted.some((expression) => expression.test(text));
}

function expressionsOf(name: string, list: unknown): readonly RegExp[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw new UnreadableRule('content_filters', `${name} is not a list.`);
  return list.map((text: unknown) => {
    try {
      if (typeof text === 'string') return new RegExp(text);
    } catch {
      // It is said below.
    }
    throw new UnreadableRule('content_filters', `${name} holds what is no regular expression.`);
  });
}

function objectOf(field: UnreadableRule['field'], value: unknown): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new UnreadableRule(field, `${field} is not an object.`);
  return value as Readonly<Record<string, unknown>>;
}
