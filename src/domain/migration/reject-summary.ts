/** How many rejects of a run there are, and what became of them. */
export interface RejectTotals {
  /** Rejects that no person has accepted. */
  readonly open: number;
  readonly accepted: number;
  /** Rejects whose rows a later retry or repair moved. */
  readonly moved: number;
  /** Rejects whose rows legacy no longer has. */
  readonly gone: number;
  /** Rows of child tables that are not moved because they follow one of the open or accepted rejects. */
  readonly children: number;
}

/** The rejects of one reason in one table. */
export interface RejectReasonSummary extends RejectTotals {
  readonly table: string;
  readonly reason: string;
  /** The name of one of them, which the parameter `id` takes; an open one where there is one. */
  readonly example: string;
  readonly what_to_do: string;
}

/** What `GET /v1/migrations/{id}/rejects/summary` answers. */
export interface RejectSummary extends RejectTotals {
  /** The reasons with most open rejects first. */
  readonly reasons: readonly RejectReasonSummary[];
}
