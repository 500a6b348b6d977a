import { impossible, malformed } from './problem.js';

/** The members of a body, each read once; null counts as absent where there is a default. */
export class Fields {
  private readonly left: Map<string, unknown>;

  constructor(body: unknown) {
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw malformed('body', 'The body is not a JSON object.');
    this.left = new Map(Object.entries(body));
  }

  text(name: string, absent?: string): string {
    return this.take(name, 'a text', (value) => typeof value === 'string', absent);
  }

  textOrNull(name: string, absent?: null): string | null {
    return this.take(name, 'a text or null', (value) => value === null || typeof value === 'string', absent);
  }

  whole(name: string, absent?: number): number {
    return this.take(name, 'a whole number', Number.isInteger, absent);
  }

  wholeOrNull(name: string): number | null {
    return this.take(name, 'a whole number or null', (value) => value === null || Number.isInteger(value));
  }

  number(name: string, absent?: number): number {
    return this.take(name, 'a number', (value) => typeof value === 'number', absent);
  }

  flag(name: string, absent?: boolean): boolean {
    return this.take(name, 'true or false', (value) => typeof value === 'boolean', absent);
  }

  texts(name: string): readonly string[] {
    return this.take(
      name,
      'a list of texts',
      (value) => Array.isArray(value) && value.every((element) => typeof element === 'string'),
    );
  }

  object(name: string, absent: object): object {
    const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
    return this.take(name, 'an object', isObject, absent);
  }

  end(): void {
    const [unknown] = this.left.keys();
    if (unknown !== undefined) throw malformed(unknown, 'There is no such member.');
  }

  private take<T>(name: string, type: string, fits: (value: unknown) => boolean, absent?: T): T {
    const value = this.left.get(name);
    this.left.delete(name);
    if (absent !== undefined && (value === undefined || value === null)) return absent;
    if (value === undefined) throw malformed(name, `${name} is missing.`);
    if (!fits(value)) throw malformed(name, `${name} is not ${type}.`);
    return value as T;
  }
}

/** Text that PostgreSQL can hold. */
export function isStorable(text: string): boolean {
  return !/\0|\p{Surrogate}/u.test(text);
}

export const unstorable = 'The text holds U+0000 or half a surrogate pair, which the database cannot.';

export function oneOf<T extends string | number>(name: string, value: string | number, choices: readonly T[]): T {
  const chosen = choices.find((choice) => choice === value);
  if (chosen === undefined) throw impossible(name, `${name} is none of ${choices.join(', ')}.`);
  return chosen;
}

export function within(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw impossible(name, `${name} is not ${least} to ${most}.`);
}
