import { proxyActivities } from '@temporalio/workflow';
import type { AuditedAct, AuditRecord } from '../activities/audit-record.js';
import { untilDone } from './lib/options.js';

const steps = proxyActivities<AuditRecord>(untilDone);

/**
 * Puts on record what could not wait for it, as an emergency rollback: beside that plan, which ends when it has ended,
 * and for as long as the database is away.
 */
export async function auditRecord(act: AuditedAct): Promise<void> {
  await steps.putOnRecord(act);
}
