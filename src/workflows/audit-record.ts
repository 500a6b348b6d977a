import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { AuditRecord } from '../activities/audit-record.js';
import type { AuditedAct } from '../domain/audit.js';
import type { RequestProof } from '../domain/plan-requests.js';
import { profiles } from './lib/retry-profiles.js';

const steps = proxyActivities<AuditRecord>(profiles.ledgerWrite);

/**
 * Records an act that could not wait for the audit, as an emergency rollback: in a plan of its own, which retries for as long as the
 * database is away.
 */
export async function auditRecord(act: AuditedAct, proof?: RequestProof): Promise<void> {
  const { workflowId, runId, startTime } = workflowInfo();
  // Not the time at which a worker started: the act may have waited for one longer than its proof is valid.
  const receivedAt = startTime.toISOString();
  const word = 'start';
  await steps.recordAct(act, { workflowId, runId, word, payload: act, proof, receivedAt, count: 1, again: false });
}
