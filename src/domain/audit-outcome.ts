/** `unknown`: whoever was asked did not answer, and may have acted. */
export const auditOutcomes = ['done', 'refused', 'unknown'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];
