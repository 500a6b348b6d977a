import { load } from 'cheerio';
import { RE2JS } from 're2js';

/** What a job takes from a page. */
export interface ExtractionRules {
  /** CSS selectors by field. */
  readonly selectors: Readonly<Record<string, string>>;
  readonly filters: ContentFilters;
}

/** Which pages count, by the texts of their fields. */
export interface ContentFilters {
  /** One of these must match, if there are any. */
  readonly include?: readonly string[];
  /** None of these may match. */
  readonly exclude?: readonly string[];
  /** In UTF-16 units. */
  readonly min_length?: number;
}

/** Why the rules of a job cannot be used, as the reject reasons of crawler jobs name it. */
export type RuleProblem = 'selector_invalid' | 'filter_invalid';

export type ReadRules =
  | { readonly outcome: 'read'; readonly rules: ExtractionRules }
  | { readonly outcome: RuleProblem; readonly detail: string };

/** Thrown inside this file alone. */
class UnreadableRule extends Error {}

/**
 * Reads `{field: selector}` and `{include: [regex], exclude: [regex], min_length}`, as the columns of a job hold them; null is none. Selectors are those of cheerio, regular expressions
 * those of RE2, which has neither look-around nor back-references and takes time in proportion to the text.
 */
export function readExtractionRules(selectors: unknown, filters: unknown): ReadRules {
  try {
    const rules = { selectors: readSelectors(selectors) };
    try {
      return { outcome: 'read', rules: { ...rules, filters: readFilters(filters) } };
    } catch (error) {
      return problem('filter_invalid', error);
    }
  } catch (error) {
    return problem('selector_invalid', error);
  }
}

/** Compiles an expression of a filter. Throws where it does not parse. */
export function compileFilter(expression: string): RE2JS {
  return RE2JS.compile(expression);
}

function problem(outcome: RuleProblem, error: unknown): ReadRules {
  if (!(error instanceof UnreadableRule)) throw error;
  return { outcome, detail: error.message };
}

function readSelectors(selectors: unknown): Readonly<Record<string, string>> {
  const root = load('<p></p>').root();
  const entries = Object.entries(objectOf('css_selectors', selectors)).map(([field, selector]) => {
    if (typeof selector !== 'string') throw new UnreadableRule(`${field} is not a text.`);
    // Cheerio takes a text with a tag for a page, and an empty one for nothing.
    if (/^\s*(<|$)/.test(selector)) throw new UnreadableRule(`${field} is no CSS selector.`);
    try {
      root.find(selector);
    } catch (error) {
      throw new UnreadableRule(`${field} is no CSS selector: ${messageOf(error)}.`);
    }
    return [field, selector] as const;
  });
  return Object.fromEntries(entries);
}

function readFilters(filters: unknown): ContentFilters {
  const { include, exclude, min_length: minLength } = objectOf('content_filters', filters);
  if (minLength !== undefined && minLength !== null && !(typeof minLength === 'number' && minLength >= 0))
    throw new UnreadableRule('min_length is no number from 0 on.');
  return {
    include: expressionsOf('include', include),
    exclude: expressionsOf('exclude', exclude),
    ...(typeof minLength === 'number' ? { min_length: minLength } : {}),
  };
}

function expressionsOf(name: string, list: unknown): readonly string[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw new UnreadableRule(`${name} is not a list.`);
  return list.map((expression: unknown) => {
    if (typeof expression !== 'string') throw new UnreadableRule(`${name} holds what is not a text.`);
    try {
      compileFilter(expression);
    } catch (error) {
      throw new UnreadableRule(`${name} holds what is no regular expression: ${messageOf(error)}.`);
    }
    return expression;
  });
}

function objectOf(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new UnreadableRule(`${name} is not an object.`);
  return value as Readonly<Record<string, unknown>>;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
