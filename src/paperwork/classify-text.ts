import { Failure } from '../base/failures.js';
import type { InterCubeCalls } from '../http/inter-cube-calls.js';

/** What the AI cube made of a text. */
export type Classified =
  | { readonly kind: 'classified'; readonly label: string; readonly model: string; readonly version: string }
  | { readonly kind: 'failed'; readonly reason: 'model_missing' | 'model_refused' };

export type ClassifyText = (text: string) => Promise<Classified>;

/** The text model of the AI cube; its input is `text` and its output `label`. */
const model = 'korean-documents';
/** What a document is about its beginning says. */
const maxCharacters = 100_000;
/** A first prediction loads the model. */
const limitMillis = 60_000;

/**
 * Has the AI cube classify a text. Throws `upstream_unavailable`, `upstream_failed` and `upstream_timeout` while it is away, or overloaded, or
 * does not accept this program's token: secrets are changed while programs run.
 */
export function createClassifyText(calls: Pick<InterCubeCalls, 'call'>): ClassifyText {
  return async (text) => {
    const { status, body } = await calls.call('ai-cube', {
      method: 'POST',
      path: `/models/${model}/predict`,
      route: '/models/:name/predict',
      json: { inputs: [{ text: beginningOf(text) }] },
      limitMillis,
    });
    if (status === 404) return { kind: 'failed', reason: 'model_missing' };
    if (status >= 500 || [401, 403, 408, 429].includes(status))
      throw new Failure('upstream_failed', `The AI cube answered ${status} to a text.`);
    if (status !== 200) return { kind: 'failed', reason: 'model_refused' };
    const { version, label } = readAnswer(body);
    return { kind: 'classified', label, model, version };
  };
}

/** Without half a surrogate pair at its end. */
function beginningOf(text: string): string {
  return text.slice(0, maxCharacters).replace(/[\ud800-\udbff]$/, '');
}

function readAnswer(body: Buffer): { readonly version: string; readonly label: string } {
  const answer: unknown = JSON.parse(body.toString('utf8'));
  const { version, outputs }: { version?: unknown; outputs?: unknown } = Object(answer);
  const first: unknown = Array.isArray(outputs) ? outputs[0] : undefined;
  const { label: value }: { label?: unknown } = Object(first);
  // An output of the shape [N,1] is a list of one.
  const label: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof label !== 'string' && typeof label !== 'number')
    throw new Failure('upstream_failed', 'The AI cube answered without a label.');
  return { version: String(version ?? ''), label: String(label) };
}
