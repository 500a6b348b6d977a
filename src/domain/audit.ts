/** `unknown`: the called program did not answer, and may have acted. */
export const auditOutcomes = ['done', 'refused', 'unknown'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** What is put on record. `details` holds settings, ids and counts; never a secret, never the contents of a record. */
export interface AuditedAct {
  /** The cube id of the token of the request. */
  readonly actor: string;
  /** What was requested, as `traffic.set`. */
  readonly action: string;
  /** What it was requested for, as a cube's id. */
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditEntry extends AuditedAct {
  /** The database role that wrote it; null when it is from before that was kept. */
  readonly writer: string | null;
  readonly seq: number;
  /** ISO 8601, UTC, six digits. */
  readonly at: string;
  readonly hash: string;
  /** What became of it; undefined where no entry says so. */
  readonly outcome?: {
    readonly what: AuditOutcome;
    /** The failure's type, of what was not done. */
    readonly reason?: string;
    /** The entry that says so; undefined where the act was put on record when it was over. */
    readonly entry?: { readonly seq: number; readonly at: string; readonly hash: string };
  };
}

/** Names one entry for good: noted outside of the database, it shows later that nothing up to it was rewritten. */
export interface AuditAnchor {
  readonly seq: number;
  readonly hash: string;
}

export const brokenReasons = ['changed', 'missing_before', 'anchor_differs', 'anchor_missing'] as const;
export type BrokenReason = (typeof brokenReasons)[number];

/** What a check of the whole chain found. */
export interface AuditCheck {
  readonly entries: number;
  /** The newest entry; null when there is none. */
  readonly head: AuditAnchor | null;
  /** The first entry that is not as it was written; null when all are. */
  readonly broken: { readonly seq: number; readonly reason: BrokenReason } | null;
}
