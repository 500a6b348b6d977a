import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { proofMillis, type ReceivedRequest, type RequestProof } from '../domain/plan-requests.js';
import type { TokenSecrets } from './signed-tokens.js';

/** Creates the proof of a request to the workflow of that id. */
export type ProveRequest = (workflowId: string, word: string, payload: unknown) => RequestProof;

/** Proofs signed with the current secret of cube tokens, which only the control plane knows. */
export function createRequestProofs(secret: () => string, clock: () => Date): ProveRequest {
  return (workflowId, word, payload) => {
    const id = randomUUID();
    const at = clock().toISOString();
    return { id, at, mac: macOf(secret(), { workflowId, word, payload, id, at }).toString('hex') };
  };
}

/** Whether a workflow received a request of the control API, within a minute and once. */
export function isProven({ current, previous }: TokenSecrets, received: ReceivedRequest): boolean {
  const { workflowId, word, payload, proof, receivedAt, again } = received;
  if (again || !isComplete(proof)) return false;
  const { id, at, mac } = proof;
  if (!(Math.abs(Date.parse(receivedAt) - Date.parse(at)) <= proofMillis)) return false;
  const given = Buffer.from(mac, 'hex');
  // During a change of the secret sender and receiver may not have the same one yet.
  return [current, previous ?? ''].some((secret) => {
    if (secret === '') return false;
    const expected = macOf(secret, { workflowId, word, payload, id, at });
    return expected.length === given.length && timingSafeEqual(expected, given);
  });
}

/** The sender is unknown: any value may arrive. */
function isComplete(proof: unknown): proof is RequestProof {
  const { id, at, mac }: { id?: unknown; at?: unknown; mac?: unknown } = Object(proof);
  return [id, at, mac].every((part) => typeof part === 'string');
}

interface Proven {
  readonly workflowId: string;
  readonly word: string;
  readonly payload: unknown;
  readonly id: string;
  readonly at: string;
}

/** With a separate key, so that no token is valid as a proof and no proof as a token. */
function macOf(secret: string, { workflowId, word, payload, id, at }: Proven): Buffer {
  const key = createHmac('sha256', secret).update('cubeshift: a request to a plan').digest();
  return createHmac('sha256', key)
    .update(JSON.stringify([workflowId, word, id, at, payload ?? null]))
    .digest();
}
