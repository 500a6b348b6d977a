import type { Operation } from './api-document.js';
import recorded from './recorded-examples.json' with { type: 'json' };

/**
 * Examples of one operation, by status, and of its request: what a control API really was sent and answered, as
 * test/integration/openapi-examples.test.ts records it.
 */
export type OperationExamples = { readonly request?: unknown } & { readonly [status: string]: unknown };

/** By operation; under `any` the problems that each operation answers alike. */
const examples: Readonly<Record<string, OperationExamples>> = recorded;

/** Adds the recorded examples to an operation. */
export function addExamples({ operationId, requestBody, responses }: Operation): void {
  const own = examples[operationId] ?? {};
  for (const media of Object.values(requestBody?.content ?? {})) if ('request' in own) media.example = own.request;
  for (const [status, { content = {} }] of Object.entries(responses)) {
    const example = own[status] ?? examples.any?.[status];
    for (const media of Object.values(content)) if (example !== undefined) media.example = example;
  }
}
