import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { proofMillis, type ReceivedRequest, type RequestProof } from '../domain/plan-requests.js';
import type { TokenSecrets } from './signed-tokens.js';

/** Makes the proof of a request to the plan of that id. */
export type ProveRequest = (workflowId: string, word: string, payload: unknown) => RequestProof;

/** Proofs by what the control plane alone knows: the secret of cube tokens, as it is when one is made. */
export function createRequestProofs(secret: () => string, clock: () => Date): ProveRequest {
  return (workflowId, word, payload) => {
    const id = randomUUID();
    const at = clock().toISOString();
    return { id, at, mac: macOf(secret(), { workflowId, word, payload, id, at }).toString('hex') };
  };
}

/** Whether a plan received what the control API sent to it, within a minute and once. */
export function isProven({ current, previous }: TokenSecrets, received: ReceivedRequest): boolean {
  const { workflowId, word, payload, proof, receivedAt, again } = received;
  if (again || !isComplete(proof)) return false;
  const { id, at, mac } = proof;
  if (!(Math.abs(Date.parse(receivedAt) - Date.parse(at)) <= proofMillis)) return false;
  const given = Buffer.from(mac, 'hex');
  // Around a change of the secret the program that asks and the one that looks may not have the same one yet.
  return [current, previous ?? ''].some((secret) => {
    if (secret === '') return false;
    const expected = macOf(secret, { workflowId, word, payload, id, at });
    return expected.length === given.length && timingSafeEqual(expected, given);
  });
}

/** It comes from anybody: nothing about it is sure. */
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

/** Under a key of its own, so that no token passes for a proof and no proof for a token. */
function macOf(secret: string, { workflowId, word, payload, id, at }: Proven): Buffer {
  const key = createHmac('sha256', secret).update('cubeshift: a request to a plan').digest();
  return createHmac('sha256', key)
    .update(JSON.stringify([workflowId, word, id, at, payload ?? null]))
    .digest();
}
