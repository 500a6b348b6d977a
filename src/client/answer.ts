import { type CallFailure, CubeAPIError, type Problem } from './cube-api-error.js';

/** The form in which a 2xx answer is read. */
export type AnswerForm = 'json' | 'blob';

/** Reads a 2xx answer completely: JSON, a blob, or undefined without content. Throws `unreadable`. */
export async function readAnswer(call: string, response: Response, form: AnswerForm): Promise<unknown> {
  if (response.status === 204 || response.status === 205) return undefined;
  if (form === 'blob') return response.blob();
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CubeAPIError(call, { kind: 'unreadable', status: response.status }, error);
  }
}

/** Any other answer as a problem, also one that is not problem+json. */
export async function readErrorResponse(response: Response): Promise<CallFailure & { readonly kind: 'refused' }> {
  const { status } = response;
  const text = await response.text();
  const isProblem = /^application\/problem\+json\b/i.test(response.headers.get('content-type') ?? '');
  const problem = isProblem ? parseProblem(text, status) : undefined;
  const seconds = retryAfterSeconds(response.headers.get('retry-after'));
  return {
    kind: 'refused',
    status,
    problem: problem ?? { type: 'about:blank', title: response.statusText || `HTTP ${status}`, status, detail: '' },
    ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
  };
}

function parseProblem(text: string, status: number): Problem | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    // The defaults of RFC 9457 for missing members; others stay as they are.
    const { type, title, detail } = parsed as Partial<Problem>;
    return {
      ...parsed,
      type: typeof type === 'string' ? type : 'about:blank',
      title: typeof title === 'string' ? title : `HTTP ${status}`,
      status,
      detail: typeof detail === 'string' ? detail : '',
    };
  } catch {
    return undefined;
  }
}

/** Only seconds: a date would depend on the server's clock. */
function retryAfterSeconds(header: string | null): number | undefined {
  return header !== null && /^\d{1,9}$/.test(header.trim()) ? Number(header) : undefined;
}
