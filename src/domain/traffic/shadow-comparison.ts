import { isClose } from '../models/answered-rows.js';
import type { Tolerance } from '../models/metrics.js';

/** Two answers to one question, compared field by field. Pure. */

export interface ComparableResponse {
  readonly status: number;
  /** Without parameters, in lower case; empty when there is none. */
  readonly contentType: string;
  /** The body as text. */
  readonly body: string;
}

export interface Difference {
  /** `status`, `content-type`, or the path in the body, as `body.items[].id`: places in an array are not distinguished. */
  readonly field: string;
  /** What each is and how long, never what it says; a status as it is. */
  readonly one: string;
  readonly other: string;
}

/** A difference that is known and wanted, for a time. */
export interface ShadowRule {
  /** The route's pattern with the gateway's prefix, as in metrics. */
  readonly route: string;
  /** The field that is not compared, with all below it. */
  readonly field: string;
  /** Who answers for it. */
  readonly owner: string;
  readonly why: string;
  /** The last day it holds, `2027-06-30`, UTC. */
  readonly expires: string;
}

/** Numbers that may differ a little: those below a field, by a tolerance of `one`'s value. */
export interface TolerantField {
  readonly field: string;
  readonly tolerance: Tolerance;
}

/** No answer of ours comes near: a larger one would take the stack, or the time, of the code that walks through it. */
const deepest = 64;
const maxNodes = 10_000;

/** A leaf is the text of a number, the text of a string with a mark before it, or a word. */
type Leaf = string | boolean | null;
type Tree = Leaf | readonly Tree[] | { readonly [key: string]: Tree };
const missing = Symbol('missing');
type Value = Tree | typeof missing;

/**
 * What differs. Significant are the status, the type of a value, null against missing, the order of arrays, and how a
 * number is written (`1` is not `1.0`, and no digit of a large one is lost); the order of an object's keys is not.
 * Where the status differs nothing else is compared. Undefined for two that cannot be compared, since both are nested too
 * deeply or hold too much; where one alone does, they differ. Numbers below a tolerant field are equal within its tolerance, however
 * they are written.
 */
export function compareResponses(
  one: ComparableResponse,
  other: ComparableResponse,
  tolerant?: TolerantField,
): readonly Difference[] | undefined {
  if (one.status !== other.status) return [{ field: 'status', one: String(one.status), other: String(other.status) }];
  const differences: Difference[] = [];
  if (one.contentType !== other.contentType)
    differences.push({ field: 'content-type', one: show(mark(one.contentType)), other: show(mark(other.contentType)) });
  const [beyond, otherBeyond] = [isBeyondBounds(one.body), isBeyondBounds(other.body)];
  if (beyond && otherBeyond) return undefined;
  if (beyond !== otherBeyond) {
    const shown = (answer: ComparableResponse, is: boolean) => (is ? 'nested too deeply' : show(mark(answer.body)));
    differences.push({ field: 'body', one: shown(one, beyond), other: shown(other, otherBeyond) });
    return differences;
  }
  if (one.body === other.body) return differences;
  const [tree, otherTree] = [treeOf(one.body), treeOf(other.body)];
  if (tree === undefined || otherTree === undefined)
    differences.push({ field: 'body', one: show(mark(one.body)), other: show(mark(other.body)) });
  else compare('body', tree, otherTree, differences, tolerant);
  return differences;
}

/** Whether a rule that holds on this day leaves the field out. */
export function isIgnored(rules: readonly ShadowRule[], route: string, field: string, today: string): boolean {
  return rules.some((rule) => rule.route === route && rule.expires >= today && isWithin(field, rule.field));
}

/** Whether a text, taken for JSON, holds more than is walked through; what is no JSON is compared as text, and may be. */
function isBeyondBounds(text: string): boolean {
  let depth = 0;
  let nodes = 1;
  for (let place = 0; place < text.length; place++) {
    const character = text[place];
    if (character === '"') place = endOfString(text, place);
    else if (character === ',') nodes++;
    else if (character === '[' || character === '{') {
      depth++;
      nodes++;
    } else if (character === ']' || character === '}') depth--;
    if (depth > deepest || nodes > maxNodes) return true;
  }
  return false;
}

function endOfString(text: string, start: number): number {
  let place = start + 1;
  while (place < text.length && text[place] !== '"') place += text[place] === '\\' ? 2 : 1;
  return place;
}

function compare(
  field: string,
  one: Value,
  other: Value,
  differences: Difference[],
  tolerant: TolerantField | undefined,
): void {
  if (Array.isArray(one) && Array.isArray(other)) {
    if (one.length !== other.length) differences.push({ field: `${field}[]`, one: show(one), other: show(other) });
    for (let place = 0; place < Math.min(one.length, other.length); place++)
      compare(`${field}[]`, one[place] ?? null, other[place] ?? null, differences, tolerant);
  } else if (isObject(one) && isObject(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)]))
      compare(`${field}.${key.slice(1)}`, valueAt(one, key), valueAt(other, key), differences, tolerant);
  } else if (one !== other && !(tolerant !== undefined && areClose(field, one, other, tolerant)))
    differences.push({ field, one: show(one), other: show(other) });
}

/** Of two numbers, by their text. */
function areClose(place: string, one: Value, other: Value, { field, tolerance }: TolerantField): boolean {
  if (!isWithin(place, field)) return false;
  return isNumber(one) && isNumber(other) && isClose(Number(other), Number(one), tolerance);
}

function isNumber(value: Value): value is string {
  return typeof value === 'string' && !value.startsWith(stringMark);
}

/** Whether a place is the field, or below it. */
function isWithin(place: string, field: string): boolean {
  return place === field || place.startsWith(`${field}.`) || place.startsWith(`${field}[`);
}

function valueAt(object: { readonly [key: string]: Tree }, key: string): Value {
  return Object.hasOwn(object, key) ? (object[key] ?? null) : missing;
}

function isObject(value: Value): value is { readonly [key: string]: Tree } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON with numbers as their text, distinguished from strings by the mark that those carry; undefined for what is no JSON. */
function treeOf(text: string): Tree | undefined {
  try {
    JSON.parse(text);
    return JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
        token.startsWith('"') ? `"${stringMark}${token.slice(1)}` : `"${token}"`,
      ),
    ) as Tree;
  } catch {
    return undefined;
  }
}

const stringMark = '$';

function mark(text: string): string {
  return `${stringMark}${text}`;
}

function show(value: Value): string {
  if (value === missing) return 'missing';
  if (typeof value === 'string') return value.startsWith(stringMark) ? `string of ${value.length - 1}` : 'number';
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'boolean';
  return Array.isArray(value) ? `array of ${value.length}` : 'object';
}
