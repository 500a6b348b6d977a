import { issueCubeToken } from '../../src/auth/tokens.js';
import type { DocumentedPaths } from './documented-answers.js';
import { type Engine, testSecret } from './engine.js';

/** An operation as the document names it. */
export interface NamedOperation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  /** What its token must hold; none for an operation that needs no token. */
  readonly permission: string | undefined;
}

export interface ApiRequest {
  /** Of the path: id of a migration, a kind or a cube. */
  readonly id?: string;
  /** With its question mark. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is a text. */
  readonly body?: unknown;
  /** Of the token; null for no token at all. */
  readonly permissions?: readonly string[] | null;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

const everyPermission = ['migration:read', 'migration:write', 'records:read'];

export function operationsOf({ paths }: DocumentedPaths): readonly NamedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, security }]) => ({
      operationId,
      method,
      path,
      permission: security.flatMap((one) => Object.values(one).flat())[0],
    })),
  );
}

/** Calls operations by their names. */
export class ApiCaller {
  readonly operations: ReadonlyMap<string, NamedOperation>;

  /** `onAnswer` is given every answer with the request that it is to. */
  constructor(
    private readonly engine: Engine,
    private readonly onAnswer: (operation: NamedOperation, request: ApiRequest, answer: ApiAnswer) => void,
  ) {
    this.operations = new Map(operationsOf(engine.document).map((one) => [one.operationId, one]));
  }

  /** Throws unless the answer has this status. */
  async call(operationId: string, status: number, request: ApiRequest = {}): Promise<unknown> {
    const answer = await this.answer(operationId, request);
    if (answer.status === status) return answer.body;
    throw new Error(`${operationId}: ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`);
  }

  async answer(operationId: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    const operation = this.operations.get(operationId);
    if (operation === undefined) throw new Error(`there is no operation ${operationId}`);
    const { id = '', query = '', body, headers = {} } = request;
    const path = operation.path.replace(/\{\w+\}/, encodeURIComponent(id));
    const response = await fetch(`${this.engine.url}${path}${query}`, {
      method: operation.method.toUpperCase(),
      headers: {
        ...this.authorization(request),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    const answer = { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
    this.onAnswer(operation, request, answer);
    return answer;
  }

  private authorization({ permissions = everyPermission }: ApiRequest): Readonly<Record<string, string>> {
    if (permissions === null) return {};
    const { token } = issueCubeToken(testSecret, { cubeId: 'kim', permissions }, new Date());
    return { authorization: `Bearer ${token}` };
  }
}
