import type { SwaggerTransformObject } from '@fastify/swagger';
import { type ApiDocument, type Body, type Operation, operationsOf } from './api-document.js';
import { addExamples } from './examples.js';
import { shareParts } from './share-parts.js';

/** What OpenAPI needs and the schemas of single routes do not say. */
export const finishDocument: SwaggerTransformObject = (given) => {
  if (!('openapiObject' in given)) return given.swaggerObject;
  const document = given.openapiObject as unknown as ApiDocument;
  for (const operation of operationsOf(document)) {
    if (operation.requestBody !== undefined) allowNoBody(operation.requestBody);
    describeSuccess(operation);
    addExamples(operation);
  }
  shareParts(document);
  return given.openapiObject;
};

/**
 * Marks an optional request body as not required: Fastify treats an absent body as null, so these are the bodies whose
 * schema accepts null. @fastify/swagger itself marks every body as required.
 */
function allowNoBody(body: Body): void {
  for (const media of Object.values(body.content)) {
    const choices = 'anyOf' in media.schema && Array.isArray(media.schema.anyOf) ? media.schema.anyOf : [];
    const [schema] = choices.filter((choice: { type?: unknown }) => choice.type !== 'null');
    if (choices.length !== 2 || schema === undefined) continue;
    media.schema = schema;
    body.required = false;
  }
}

const successes: Readonly<Record<string, string>> = {
  200: 'How it is now.',
  202: 'Accepted. The body says how it is once the step was made, or after 2.5 seconds.',
};

function describeSuccess({ responses }: Operation): void {
  for (const [status, response] of Object.entries(responses))
    if (response.description === 'Default Response') response.description = successes[status] ?? 'It cannot serve yet.';
}
