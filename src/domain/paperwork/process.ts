import { type PaperworkRefusal, refusal } from './refusal.js';

export const processKinds = ['text', 'ocr', 'tables', 'classify'] as const;
export type ProcessKind = (typeof processKinds)[number];

export type ProcessState = 'queued' | 'waiting' | 'running' | 'done' | 'failed';

/** How far a file has been processed, as `GET /files/{id}/process/{kind}` answers it. */
export interface ProcessView {
  readonly kind: ProcessKind;
  readonly state: ProcessState;
  /** The last page that is done and how many there are; null where that is not known. */
  readonly page: number | null;
  readonly pages: number | null;
  /** Why it failed, or what it waits for; null otherwise. */
  readonly reason: string | null;
}

/** The kind of a request `{kind}`. */
export function readProcess(
  body: unknown,
): { readonly kind: 'accepted'; readonly process: ProcessKind } | PaperworkRefusal {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return refusal(400, 'body', 'The body is not a JSON object.');
  const unknown = Object.keys(body).find((name) => name !== 'kind');
  if (unknown !== undefined) return refusal(400, unknown.slice(0, 100), 'There is no such member.');
  const { kind } = body as { readonly kind?: unknown };
  if (typeof kind !== 'string') return refusal(400, 'kind', 'kind is not a text.');
  if (!isProcessKind(kind)) return refusal(422, 'kind', `kind is none of ${processKinds.join(', ')}.`);
  return { kind: 'accepted', process: kind };
}

export function isProcessKind(text: string): text is ProcessKind {
  return processKinds.some((kind) => kind === text);
}

export function writeProcess({ kind, state, page, pages, reason }: ProcessView): string {
  return JSON.stringify({ kind, state, page, pages, reason });
}
