import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.js';
import type { ApiAnswer, ApiRequest, NamedOperation } from './api-caller.js';

const file = join(packageRoot(), 'src', 'services', 'control', 'openapi', 'recorded-examples.json');

/** Problems that each operation answers alike: one example is enough. */
const alike = new Set([401, 413, 414, 415, 422, 431, 500]);

type Examples = Record<string, Record<string, unknown>>;

/** The examples of the OpenAPI document: gathered from real answers, of each operation the last that is no problem. */
export class RecordedExamples {
  private readonly live: Examples = {};

  note({ operationId }: NamedOperation, { body: sent }: ApiRequest, { status, body }: ApiAnswer): void {
    const name = alike.has(status) ? 'any' : operationId;
    const own = this.live[name] ?? {};
    this.live[name] = own;
    if (status < 300) {
      own[status] = withoutContents(body);
      if (sent !== undefined) own.request = sent;
    } else {
      own[status] ??= withoutContents(body);
    }
  }

  /** What is in the document, and what these answers would put there, where the fields differ. */
  differences(): readonly string[] {
    return differencesOf(read(), this.live, '');
  }

  /** Writes what is new or has other fields than before, and forgets what was not answered. */
  write(): void {
    const before = read();
    const operations = Object.entries(this.live).map(([operation, answers]) => {
      const kept = Object.entries(answers).map(([status, answer]) => {
        const known = before[operation]?.[status];
        const isSame = known !== undefined && differencesOf(known, answer, '').length === 0;
        return [status, isSame ? known : answer] as const;
      });
      return [operation, Object.fromEntries(kept)] as const;
    });
    operations.sort(([one], [other]) => (one < other ? -1 : 1));
    writeFileSync(file, `${JSON.stringify(Object.fromEntries(operations), null, 2)}\n`);
  }
}

function read(): Examples {
  return JSON.parse(readFileSync(file, 'utf8')) as Examples;
}

/** Contents of records do not belong into a document: of a reject's payload only the names of its fields. */
function withoutContents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutContents);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      name === 'payload'
        ? Object.fromEntries(Object.keys(Object(part)).map((field) => [field, '(left out)']))
        : withoutContents(part),
    ]),
  );
}

/** Objects whose fields depend on what happened. */
const open = new Set(['details', 'dependencies', 'payload', 'by_reason']);

/** Fields that only one of two values has, and those of another type; what is null or empty in one of them fits. */
function differencesOf(recorded: unknown, live: unknown, path: string): readonly string[] {
  if (recorded === null || live === null) return [];
  if (Array.isArray(recorded) && Array.isArray(live)) {
    const [first, second] = [recorded, live].map(merged);
    return recorded.length === 0 || live.length === 0 ? [] : differencesOf(first, second, `${path}[]`);
  }
  if (typeof recorded !== typeof live || Array.isArray(recorded) !== Array.isArray(live))
    return [`${path}: ${typeof recorded} in the document, ${typeof live} in the answer`];
  if (typeof recorded !== 'object' || typeof live !== 'object') return [];
  const [one, other] = [recorded, live] as Record<string, unknown>[];
  return [...new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})])].flatMap((name) => {
    const place = path === '' ? name : `${path}.${name}`;
    if (open.has(path.split('.').at(-1) ?? '')) return [];
    if (!Object.hasOwn(one ?? {}, name)) return [`${place} is not in the document`];
    if (!Object.hasOwn(other ?? {}, name)) return [`${place} is not in the answer`];
    return differencesOf(one?.[name], other?.[name], place);
  });
}

/** One item with all fields of the items of a list, and all items of the lists in these. */
function merged(items: readonly unknown[]): unknown {
  const [first] = items;
  if (typeof first !== 'object' || first === null) return first;
  const all: Record<string, unknown> = {};
  for (const [name, part] of items.flatMap((item) => Object.entries(Object(item)))) {
    const known = all[name];
    all[name] = Array.isArray(known) && Array.isArray(part) ? [...known, ...part] : part;
  }
  return all;
}
