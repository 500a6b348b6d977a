import type { AuditedAct } from '../domain/audit.js';
import type { ReceivedRequest } from '../domain/plan-requests.js';
import { appendAudit } from '../postgres/audit.js';
import { atSide, type Databases } from '../postgres/databases.js';
import { guarded } from './guard.js';

/** Requests that reach a plan past the control API, which alone records who sent them. */
export function createOutsideRequests(
  { cube }: Pick<Databases, 'cube'>,
  isProven: (received: ReceivedRequest) => boolean,
) {
  return {
    /** Whether the control API sent a request; a computation without I/O. */
    checkProof: async (received: ReceivedRequest): Promise<boolean> => isProven(received),

    /** Puts a request on record that the control API did not send; tried until it is done, and done once. */
    recordOutsideRequest: (received: ReceivedRequest): Promise<void> =>
      guarded(
        async () => {
          await atSide('cube', () => appendAudit(cube, outsideRequestEntry(received)));
        },
        { untilDone: true },
      ),
  };
}

/** The audit's entry of a request that the control API did not send. */
export function outsideRequestEntry({
  workflowId,
  runId,
  word,
  receivedAt,
  count,
  payload,
}: ReceivedRequest): AuditedAct {
  const { by }: { by?: unknown } = Object(payload);
  const details = {
    run_id: runId,
    received_at: receivedAt,
    ...(typeof by === 'string' ? { claims_to_be: by.slice(0, 200) } : {}),
    once: `${runId}/${count}`,
  };
  return {
    actor: 'temporal',
    action: `plan.${word.slice(0, 200)}.outside`,
    subject: workflowId.slice(0, 400),
    details,
  };
}

export type OutsideRequests = ReturnType<typeof createOutsideRequests>;
