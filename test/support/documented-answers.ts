import type { FastifyInstance } from 'fastify';

/** The part of an OpenAPI document that says what may be answered. */
export interface DocumentedPaths {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
}

interface DocumentedOperation {
  readonly operationId: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly responses: object;
}

/** One answer of an operation, as `getMigration 404`. */
export type OperationAnswer = `${string} ${number}`;

/** What the operations of the document may answer. */
export function documentedAnswers({ paths }: DocumentedPaths): ReadonlySet<OperationAnswer> {
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  return new Set(
    operations.flatMap(({ operationId, responses }) =>
      Object.keys(responses).map((status) => `${operationId} ${Number(status)}` as const),
    ),
  );
}

/**
 * What the operations of the document answered, by the log of the control API that answered. Of paths and methods that the
 * document does not name, nothing is said.
 */
export function loggedAnswers({ paths }: DocumentedPaths, log: string): ReadonlySet<OperationAnswer> {
  const operations = new Map<string, string>();
  const answers = new Set<OperationAnswer>();
  for (const { request_id, req, res } of log.split('\n').map(readLine)) {
    if (request_id === undefined) continue;
    if (req !== undefined) {
      const path = req.endpoint.replaceAll(/:(\w+)/g, '{$1}');
      const operation = paths[path]?.[req.method === 'HEAD' ? 'get' : req.method.toLowerCase()];
      if (operation === undefined) operations.delete(request_id);
      else operations.set(request_id, operation.operationId);
    }
    const operationId = operations.get(request_id);
    if (res !== undefined && operationId !== undefined) answers.add(`${operationId} ${res.statusCode}`);
  }
  return answers;
}

/** Answers that an API gave and its document does not name. */
export function undocumentedAnswers(document: DocumentedPaths, log: string): readonly OperationAnswer[] {
  const documented = documentedAnswers(document);
  return [...loggedAnswers(document, log)].filter((answer) => !documented.has(answer)).sort();
}

/** As `undocumentedAnswers`, of an app in the test's own process; to be called before it listens. */
export function watchAnswers(app: FastifyInstance): () => readonly OperationAnswer[] {
  const lines: string[] = [];
  app.addHook('onResponse', async ({ id, method, routeOptions }, { statusCode }) => {
    const endpoint = routeOptions.url ?? 'unknown';
    lines.push(JSON.stringify({ request_id: id, req: { method, endpoint }, res: { statusCode } }));
  });
  return () => undocumentedAnswers(app.swagger() as unknown as DocumentedPaths, lines.join('\n'));
}

interface LogLine {
  readonly request_id?: string;
  readonly req?: { readonly method: string; readonly endpoint: string };
  readonly res?: { readonly statusCode: number };
}

/** Nothing, of a line that a killed program left half. */
function readLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
