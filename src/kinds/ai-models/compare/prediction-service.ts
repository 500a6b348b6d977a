import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../../base/failures.js';
import type { AnsweredRow } from '../../../domain/models/answered-rows.js';
import { type BoundedResponse, fetchBoundedResponse } from '../../../metrics/bounded-response.js';

/** One side of a comparison: where it predicts with the model, and how it is called in sentences. */
export interface PredictionService {
  /** `the AI service of legacy` or `the AI cube`. */
  readonly name: string;
  /** The complete URL of its route. */
  readonly url: string;
  /** Of its list of models: what answers there is such a service. */
  readonly listUrl: string;
  /** What a person does where its address leads to something else. */
  readonly addressHint: string;
  /** Where calls need a token: it is requested for each call, since one expires after an hour. */
  readonly token?: () => string;
}

/** A version in the cube, active or not. */
export interface CubeVersion {
  readonly cubeUrl: string;
  readonly name: string;
  readonly versionId: string;
  /** A cube token that is valid now and holds `ai:call`. */
  readonly token: () => string;
}

export function cubeVersion({ cubeUrl, name, versionId, token }: CubeVersion): PredictionService {
  return {
    name: 'the AI cube',
    url: `${cubeUrl}${modelPath(name)}/versions/${versionId}/predict`,
    listUrl: `${cubeUrl}/models`,
    addressHint: 'See with `cubeshift cubes status ai` where its instances listen; the run continues by itself.',
    token,
  };
}

/** What legacy has loaded under the name. */
export function legacyModel(legacyUrl: string, name: string): PredictionService {
  return {
    name: 'the AI service of legacy',
    url: `${legacyUrl}${modelPath(name)}/predict`,
    listUrl: `${legacyUrl}/models`,
    addressHint: 'Correct LEGACY_AI_URL of the bulk workers, and restart them; the run continues by itself.',
  };
}

function modelPath(name: string): string {
  return `/models/${encodeURIComponent(name)}`;
}

interface PredictionRequest {
  readonly body: string;
  /** In the body. */
  readonly rows: number;
}

/** What it computed for the rows of a request, and how long that took. */
export interface Predicted {
  readonly kind: 'predicted';
  /** The session that computed. */
  readonly version: string | null;
  readonly outputs: readonly AnsweredRow[];
  readonly millis: number;
}

/** It does not predict these rows, and would not another time. */
export interface Refused {
  readonly kind: 'refused';
  readonly detail: string;
}

/** It cannot run the model, by its own word and several times: another would not differ. */
export interface CannotRun {
  readonly kind: 'cannot_run';
  readonly reason: ModelReason;
}

/** Reasons of the model itself, for which a service does not run it now. */
const modelReasons = [
  'memory_exceeded',
  'operator_unsupported',
  'artifact_unreadable',
  'crashed',
  'timed_out',
] as const;
export type ModelReason = (typeof modelReasons)[number];

/** A first prediction loads the model. */
const maxMillis = 120_000;
const maxAnswerBytes = 64 * 1024 * 1024;

/** A machine that is busy for a moment may hold up a model, or end its process. */
const tries = 3;
const maxWaitSeconds = 10;

/**
 * Predicts some rows. Throws a retryable failure for a service that is away, too slow, overloaded or not itself: that says nothing of
 * the model.
 */
export async function predict(
  service: PredictionService,
  request: PredictionRequest,
  signal: AbortSignal,
  onTried: () => void,
): Promise<Predicted | Refused | CannotRun> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await predictOnce(service, request, signal);
    if (answer.kind !== 'cannot_run' || attempt === tries) return answer;
    onTried();
    await sleep(answer.waitSeconds * 1000, undefined, { signal });
  }
}

async function predictOnce(
  service: PredictionService,
  { body, rows }: PredictionRequest,
  signal: AbortSignal,
): Promise<Predicted | Refused | (CannotRun & { readonly waitSeconds: number })> {
  const began = performance.now();
  const { status, headers, text } = await send(service, body, signal);
  const millis = performance.now() - began;
  if (status === 200) return { kind: 'predicted', millis, ...readAnswer(service, text, rows) };
  if (status === 404 && !(await isThere(service, signal)))
    throw new Failure(
      'upstream_failed',
      `${capital(service.name)} answers 404 also to its list of models: its address leads to another service.`,
      { safe: 'No version was activated, and no model was rejected.', hint: service.addressHint },
    );
  if (refusals.has(status))
    return { kind: 'refused', detail: `${capital(service.name)} answers ${status} to rows of the test set.` };
  if (status === 401 || status === 403)
    throw new Failure('upstream_failed', `${capital(service.name)} refuses the engine's token (${status}).`, {
      hint: 'Give the bulk worker and the cube the same CUBE_JWT_SECRET; the run continues by itself.',
    });
  const reason = reasonOf(text);
  const known = modelReasons.find((one) => one === reason);
  if (known !== undefined)
    return {
      kind: 'cannot_run',
      reason: known,
      waitSeconds: Math.min(maxWaitSeconds, Number(headers['retry-after']) || 1),
    };
  if (reason === 'disk_full')
    throw new Failure('disk_full', `${capital(service.name)} has no space left in its folder for temporary files.`, {
      hint: `Free space on the disk of ${service.name}; the run continues by itself.`,
    });
  throw away(service, reason === undefined ? `answers ${status}` : `answers ${status} (${reason})`);
}

/** The member `reason` of a problem: one word, as the AI cube writes it. */
function reasonOf(text: string): string | undefined {
  const problem = parse(text);
  const reason = typeof problem === 'object' && problem !== null && 'reason' in problem ? problem.reason : undefined;
  return typeof reason === 'string' && /^[a-z_]{1,40}$/.test(reason) ? reason : undefined;
}

/** No such model or version, or rows that it does not accept. */
const refusals: ReadonlySet<number> = new Set([400, 404, 413, 422]);

/** Whether it is a service of models that answers. */
async function isThere(service: PredictionService, signal: AbortSignal): Promise<boolean> {
  const { status, text } = await send({ ...service, url: service.listUrl }, undefined, signal);
  if (status === 404) return false;
  if (status !== 200) throw away(service, `answers ${status} to its list of models`);
  const page = parse(text);
  return typeof page === 'object' && page !== null && 'items' in page && Array.isArray(page.items);
}

/** Without a body it is a GET. */
async function send(
  service: PredictionService,
  body: string | undefined,
  signal: AbortSignal,
): Promise<BoundedResponse> {
  const { url, token } = service;
  const time = AbortSignal.timeout(maxMillis);
  try {
    return await fetchBoundedResponse(url, {
      ...(body === undefined ? {} : { method: 'POST', body }),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        // Not a user's request: no weight and no ramp counts it.
        'x-cube-synthetic': '1',
        ...(token === undefined ? {} : { authorization: `Bearer ${token()}` }),
      },
      signal: AbortSignal.any([signal, time]),
      maxBytes: maxAnswerBytes,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    if (time.aborted) throw away(service, `gave no answer in ${maxMillis / 1000} s`, 'upstream_timeout', error);
    throw away(service, 'gave no complete answer', 'upstream_unavailable', error);
  }
}

function readAnswer(service: PredictionService, text: string, rows: number): Pick<Predicted, 'version' | 'outputs'> {
  const answer = parse(text);
  if (typeof answer !== 'object' || answer === null) throw away(service, 'answers no JSON object', 'upstream_failed');
  const { version = null, outputs } = answer as { readonly version?: unknown; readonly outputs?: unknown };
  const isWhole = Array.isArray(outputs) && outputs.length === rows && outputs.every(isRow);
  if (!isWhole || (version !== null && typeof version !== 'string'))
    throw away(service, 'answers something other than a row of outputs for each row of inputs', 'upstream_failed');
  return { version, outputs };
}

function isRow(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function away(
  { name }: PredictionService,
  what: string,
  type: 'upstream_unavailable' | 'upstream_timeout' | 'upstream_failed' = 'upstream_unavailable',
  cause?: unknown,
): Failure {
  return new Failure(type, `${capital(name)} ${what}.`, {
    safe: 'The comparison is made again from its start; no version was activated.',
    hint: `Bring ${name} back; the run continues by itself.`,
    cause,
  });
}

function capital(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
