import type { SwaggerTransformObject } from '@fastify/swagger';

/**
 * Marks each optional request body as not required: Fastify treats an absent body as null, so these are the bodies whose schema
 * accepts null. @fastify/swagger itself marks every body as required.
 */
export const optionalBodies: SwaggerTransformObject = (document) => {
  if (!('openapiObject' in document)) return document.swaggerObject;
  for (const path of Object.values(document.openapiObject.paths ?? {})) {
    for (const body of bodiesOf(path ?? {})) {
      if (Object.values(body.content).every(({ schema }) => takesNull(schema))) body.required = false;
    }
  }
  return document.openapiObject;
};

interface Body {
  required?: boolean;
  readonly content: Readonly<Record<string, { readonly schema?: unknown }>>;
}

function bodiesOf(path: object): readonly Body[] {
  return Object.values(path).flatMap((operation: unknown) =>
    isObject(operation) && 'requestBody' in operation && isBody(operation.requestBody) ? [operation.requestBody] : [],
  );
}

function isBody(value: unknown): value is Body {
  return isObject(value) && 'content' in value;
}

function takesNull(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  if ('type' in schema && schema.type === 'null') return true;
  return 'anyOf' in schema && Array.isArray(schema.anyOf) && schema.anyOf.some(takesNull);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
