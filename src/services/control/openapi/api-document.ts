/** The part of a document that is changed here. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Record<string, object>;
    responses?: Record<string, object>;
  };
}

export interface Operation {
  readonly operationId: string;
  readonly requestBody?: Body;
  readonly responses: Record<string, Response>;
}

export interface Body {
  required?: boolean;
  readonly content: Record<string, MediaType>;
}

export interface Response {
  description: string;
  readonly content?: Record<string, MediaType>;
}

interface MediaType {
  schema: object;
  example?: unknown;
}

export function operationsOf({ paths }: ApiDocument): readonly Operation[] {
  return Object.values(paths).flatMap((path) => Object.values(path));
}
