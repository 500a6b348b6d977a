import type { InputRefusal, InputRow } from './input-rows.js';
import { outputRows } from './output-rows.js';
import type { Batch } from './tensors.js';

/** Limits of predictions, equal at legacy and cube. */
export interface PredictionLimits {
  readonly maxRows: number;
  readonly maxBodyBytes: number;
}

export const predictionLimits: PredictionLimits = { maxRows: 4096, maxBodyBytes: 16 * 1024 * 1024 };

export const bodyTooLarge = `The body is larger than ${predictionLimits.maxBodyBytes / 1024 / 1024} MiB.`;

type ReadRequest = { readonly kind: 'accepted'; readonly rows: readonly InputRow[] } | InputRefusal;

/** The rows of a request `{inputs: [row, …]}`. */
export function readPrediction(body: unknown, { maxRows }: Pick<PredictionLimits, 'maxRows'>): ReadRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return refusal(400, 'body', 'The body is not a JSON object.');
  const unknown = Object.keys(body).find((name) => name !== 'inputs');
  if (unknown !== undefined) return refusal(400, unknown.slice(0, 100), 'There is no such member.');
  const { inputs } = body as { readonly inputs?: unknown };
  if (!Array.isArray(inputs)) return refusal(400, 'inputs', 'inputs is not a list of rows.');
  if (inputs.length === 0) return refusal(422, 'inputs', 'inputs has no row.');
  if (inputs.length > maxRows)
    return refusal(422, 'inputs', `inputs has ${inputs.length} rows where it takes ${maxRows}.`);
  return { kind: 'accepted', rows: inputs };
}

/** The response; a number that is not finite is null, since JSON has no other word for it. */
export function writePrediction(model: string, version: string | null, batches: readonly Batch[]): string {
  return JSON.stringify({ model, version, outputs: batches.flatMap(outputRows) });
}

/** What a model that refuses its inputs is answered with. */
export const inputsRefused = refusal(422, 'inputs', 'The model cannot compute these inputs.');

function refusal(status: 400 | 422, field: string, detail: string): InputRefusal {
  return { kind: 'refusal', status, field, detail };
}
