import { isDeepStrictEqual } from 'node:util';
import { type ApiDocument, operationsOf, type Response } from './api-document.js';

/** Moves what several operations have in common into `components`: schemas with a title, and problems with the same text. */
export function shareParts(document: ApiDocument): void {
  shareProblems(document);
  const { schemas } = document.components;
  for (const [name, schema] of Object.entries(schemas)) schemas[name] = lifted(schema, schemas);
  for (const operation of operationsOf(document)) {
    for (const { content = {} } of [operation.requestBody ?? {}, ...Object.values(operation.responses)])
      for (const media of Object.values(content)) media.schema = lifted(media.schema, schemas);
  }
}

/** `schema` with each part that has a title replaced by a reference to that part in `schemas`. */
function lifted<T>(schema: T, schemas: Record<string, object>): T {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((part) => lifted(part, schemas)) as T;
  const whole = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, lifted(part, schemas)]));
  const { title } = whole;
  if (typeof title !== 'string') return whole as T;
  schemas[title] ??= whole;
  return { $ref: `#/components/schemas/${title}` } as T;
}

function shareProblems(document: ApiDocument): void {
  const shared: Record<string, Response> = {};
  for (const { responses } of operationsOf(document)) {
    for (const [status, response] of Object.entries(responses)) {
      const name = names[status];
      if (name === undefined) continue;
      shared[name] ??= response;
      // One that differs stays where it is.
      if (isDeepStrictEqual(shared[name], response))
        Object.assign(responses, { [status]: { $ref: `#/components/responses/${name}` } });
    }
  }
  document.components.responses = shared;
}

/** Of the problems that any request may meet. */
const names: Readonly<Record<string, string>> = {
  401: 'Unauthorized',
  413: 'BodyTooLarge',
  414: 'UrlTooLong',
  415: 'UnsupportedType',
  422: 'LedgerNotUsable',
  431: 'TooManyHeaders',
  500: 'Unexpected',
};
