import type { AuditedAct } from '../domain/audit.js';
import type { ReceivedRequest } from '../domain/plan-requests.js';
import { appendAudit } from '../postgres/audit.js';
import { atSide, type Databases } from '../postgres/databases.js';
import { guarded } from './guard.js';
import { outsideRequestEntry } from './outside-requests.js';

/** Acts that are recorded after they began, since nothing may keep them waiting. */
export function createAuditRecord({ cube }: Pick<Databases, 'cube'>, isProven: (received: ReceivedRequest) => boolean) {
  return {
    /**
     * Retried until it is done, and done once. An act that the control API did not send is recorded as a request from outside:
     * a forged entry would be worse than none.
     */
    recordAct: (act: AuditedAct, received: ReceivedRequest): Promise<void> =>
      guarded(
        async () => {
          const once = { ...act, details: { ...act.details, once: received.workflowId } };
          await atSide('cube', () => appendAudit(cube, isProven(received) ? once : outsideRequestEntry(received)));
        },
        { untilDone: true },
      ),
  };
}

export type AuditRecord = ReturnType<typeof createAuditRecord>;
