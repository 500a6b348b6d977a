import { type Birth, birthDay, clocks, dayBoundaries, defaultConvention } from './birth.js';
import { isBlank } from './convert-record.js';

/**
 * What a body of `POST /calculate` may be. Malformed is what no birth could make valid (a text for a number, a member missing
 * or unknown): 400. Well-formed but impossible is 422. Either names the first wrong member, in the order of the table.
 */
export interface CalculateRequest {
  readonly user_id: string;
  readonly birth: Birth;
  readonly save: boolean;
}

/** Why a request is refused; `field` is the member of the body or query, `body` itself when it is no object. */
export interface InputProblem {
  readonly kind: 'refusal';
  readonly status: 400 | 422;
  readonly field: string;
  readonly detail: string;
}

export type ParsedInput<T> = { readonly kind: 'accepted'; readonly value: T } | InputProblem;

interface InputMember {
  readonly type: 'string' | 'integer' | 'number' | 'boolean';
  readonly required?: true;
  /** Null is a value of its own, not the fallback. */
  readonly nullable?: true;
  readonly fallback?: unknown;
  readonly description: string;
  readonly enum?: readonly unknown[];
}

const members: Readonly<Record<string, InputMember>> = {
  user_id: { type: 'string', required: true, description: 'whose record it is' },
  birth_year: { type: 'integer', required: true, description: '1 to 9999; lunar 1900 to 2050' },
  birth_month: { type: 'integer', required: true, description: '1 to 12' },
  birth_day: { type: 'integer', required: true, description: '1 to the end of the month' },
  birth_hour: { type: 'integer', required: true, nullable: true, description: '0 to 23; null when unknown' },
  birth_minute: { type: 'integer', fallback: 0, description: '0 to 59' },
  is_solar: { type: 'boolean', required: true, description: 'false for a date of the lunar calendar of Korea' },
  is_leap_month: { type: 'boolean', fallback: false, description: 'whether the lunar month is a leap month' },
  clock: {
    type: 'string',
    fallback: defaultConvention.clock,
    enum: clocks,
    description: 'which clock day and hour follow: on the wall, UTC+9, local mean time, true solar time',
  },
  longitude: {
    type: 'number',
    fallback: defaultConvention.longitude,
    description: 'degrees east, -180 to 180, of the clocks lmt and true',
  },
  day_boundary: {
    type: 'string',
    fallback: defaultConvention.day_boundary,
    enum: dayBoundaries,
    description: 'when the day changes: 00:00 with the next hour stem from 23:00, 23:00, 00:00',
  },
  fold: {
    type: 'integer',
    fallback: defaultConvention.fold,
    enum: [0, 1],
    description: 'which of two times is meant that a clock set back showed twice',
  },
  save: { type: 'boolean', fallback: true, description: 'whether to keep the chart as a record' },
};

/** The body as JSON Schema, for the description of the API; `readCalculateRequest` alone judges. */
export const calculateBodySchema = {
  type: 'object',
  additionalProperties: false,
  required: Object.keys(members).filter((name) => members[name]?.required),
  properties: Object.fromEntries(
    Object.entries(members).map(([name, { type, nullable, fallback, description, enum: values }]) => [
      name,
      {
        type: nullable ? [type, 'null'] : type,
        description,
        ...(values === undefined ? {} : { enum: values }),
        ...(fallback === undefined ? {} : { default: fallback }),
      },
    ]),
  ),
} as const;

/** Null where a member may be left out is as if it were left out: old records have it so. */
export function readCalculateRequest(body: unknown): ParsedInput<CalculateRequest> {
  const read = readMembers(body, members);
  if (read.kind === 'refusal') return read;
  const { user_id, save, birth_year, birth_month, birth_day, birth_hour, birth_minute, ...rest } =
    read.value as unknown as InputValues;
  const birth: Birth = {
    year: birth_year,
    month: birth_month,
    day: birth_day,
    hour: birth_hour,
    minute: birth_minute,
    ...rest,
  };
  const wrong = wrongUserId(user_id) ?? wrongChoice(read.value, members);
  if (wrong !== undefined) return wrong;
  const day = birthDay(birth);
  if (typeof day !== 'number') return impossible(day.field, day.detail);
  return { kind: 'accepted', value: { user_id, birth, save } };
}

/** The body of `PATCH /records/{id}`: the new interpretation, null to take it away. */
export function readInterpretation(body: unknown): ParsedInput<string | null> {
  const read = readMembers(body, {
    interpretation: { type: 'string', required: true, nullable: true, description: '' },
  });
  if (read.kind === 'refusal') return read;
  const interpretation = read.value.interpretation as string | null;
  if (interpretation !== null && !isStorable(interpretation)) return impossible('interpretation', unstorable);
  return { kind: 'accepted', value: interpretation };
}

export interface PageQuery {
  readonly limit: number;
  /** The id after which the page begins, newest records first; undefined for the first page. */
  readonly cursor: string | undefined;
}

export const pageLimits = { standard: 50, max: 200 } as const;

/** The query of a listing. */
export function readPageQuery(query: Readonly<Record<string, unknown>>): ParsedInput<PageQuery> {
  const { limit = String(pageLimits.standard), cursor } = query;
  if (typeof limit !== 'string' || !/^-?\d{1,9}$/.test(limit))
    return malformed('limit', 'limit is not a whole number.');
  if (Number(limit) < 1 || Number(limit) > pageLimits.max)
    return impossible('limit', `limit is not 1 to ${pageLimits.max}.`);
  if (cursor !== undefined && (typeof cursor !== 'string' || !isRecordId(cursor)))
    return malformed('cursor', 'cursor is none that a page gave.');
  return { kind: 'accepted', value: { limit: Number(limit), cursor } };
}

/** Whether a text can be the id of a record: a whole number that PostgreSQL's bigint holds. */
export function isRecordId(text: string): boolean {
  if (!/^-?\d{1,19}$/.test(text)) return false;
  const id = BigInt(text);
  return BigInt.asIntN(64, id) === id;
}

interface InputValues extends Omit<Birth, 'year' | 'month' | 'day' | 'hour' | 'minute'> {
  readonly user_id: string;
  readonly save: boolean;
  readonly birth_year: number;
  readonly birth_month: number;
  readonly birth_day: number;
  readonly birth_hour: number | null;
  readonly birth_minute: number;
}

function readMembers(
  body: unknown,
  table: Readonly<Record<string, InputMember>>,
): ParsedInput<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return malformed('body', 'The body is not a JSON object.');
  const given = new Map(Object.entries(body));
  const values: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(table)) {
    const value: unknown = given.get(name);
    given.delete(name);
    if (value === undefined && member.required) return malformed(name, `${name} is missing.`);
    if (value === undefined || (value === null && !member.nullable && !member.required)) {
      values[name] = member.fallback;
      continue;
    }
    if (!(value === null && member.nullable) && !isOfType(value, member.type))
      return malformed(name, `${name} is not ${typeNames[member.type]}${member.nullable ? ' or null' : ''}.`);
    values[name] = value;
  }
  const [unknown] = given.keys();
  return unknown === undefined ? { kind: 'accepted', value: values } : malformed(unknown, 'There is no such member.');
}

const typeNames = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
} as const;

function isOfType(value: unknown, type: InputMember['type']): boolean {
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}

function wrongUserId(userId: string): InputProblem | undefined {
  if (isBlank(userId)) return impossible('user_id', 'user_id is empty or only white space.');
  return isStorable(userId) ? undefined : impossible('user_id', unstorable);
}

const unstorable = 'The text holds U+0000 or half a surrogate pair, which the database cannot.';

/** PostgreSQL holds any Unicode text but U+0000. */
export function isStorable(text: string): boolean {
  return !/\0|\p{Surrogate}/u.test(text);
}

function wrongChoice(
  values: Readonly<Record<string, unknown>>,
  table: Readonly<Record<string, InputMember>>,
): InputProblem | undefined {
  for (const [name, { enum: choices }] of Object.entries(table)) {
    if (choices !== undefined && !choices.includes(values[name]))
      return impossible(name, `${name} is none of ${choices.join(', ')}.`);
  }
  return undefined;
}

function malformed(field: string, detail: string): InputProblem {
  return { kind: 'refusal', status: 400, field, detail };
}

function impossible(field: string, detail: string): InputProblem {
  return { kind: 'refusal', status: 422, field, detail };
}
