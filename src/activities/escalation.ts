import { Failure } from '../base/failures.js';
import type { Escalation } from '../domain/deployment/rollback.js';
import { guarded } from './guard.js';

const answerMillis = 10_000;

/** Calls a person through a webhook. Where `webhookUrl` is empty no call is made; the plan waits all the same, visible to everyone. */
export function createEscalation(webhookUrl: string) {
  return {
    /** Returns whether a webhook is configured. */
    callWebhook: (escalation: Escalation): Promise<boolean> =>
      guarded(async () => {
        if (webhookUrl === '') return false;
        const response = await fetch(webhookUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(escalation),
          signal: AbortSignal.timeout(answerMillis),
        }).catch((error: unknown) => {
          throw new Failure('webhook_unreachable', 'The webhook of escalations cannot be reached.', { cause: error });
        });
        await response.body?.cancel();
        if (response.ok) return true;
        throw new Failure('webhook_unreachable', `The webhook of escalations answered ${response.status}.`);
      }),
  };
}

export type EscalationSteps = ReturnType<typeof createEscalation>;
