import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { AuditedAct, AuditRecord } from '../activities/audit-record.js';
import type { RequestProof } from '../domain/plan-requests.js';
import { profiles } from './lib/options.js';

const steps = proxyActivities<AuditRecord>(profiles.ledgerWrite);

/**
 * Puts on record what could not wait for it, as an emergency rollback: beside that plan, which ends when it has ended,
 * and for as long as the database is away.
 */
export async function auditRecord(act: AuditedAct, proof?: RequestProof): Promise<void> {
  const { workflowId, runId, startTime } = workflowInfo();
  // Not when a worker came to it: it may have waited for one longer than its proof is good.
  const receivedAt = startTime.toISOString();
  const word = 'start';
  await steps.recordAct(act, { workflowId, runId, word, payload: act, proof, receivedAt, count: 1, again: false });
}
