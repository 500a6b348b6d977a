import type { ConvertedRow, RowMapping } from '../row-mapping.js';

/** The target refused the content of at least one row of the transaction. */
export class RowDataError extends Error {
  constructor(
    readonly sqlState: string,
    readonly constraint: string | undefined,
  ) {
    super(`the target refused a row (SQLSTATE ${sqlState})`);
    this.name = 'RowDataError';
  }
}

/** How the ledger words a refusal: the SQLSTATE and the constraint, never the server's text, which may quote the row. */
export function refusedByTarget(refusal: RowDataError): { reason: string; detail: string } {
  const constraint = refusal.constraint === undefined ? '' : `, constraint ${refusal.constraint}`;
  return { reason: 'refused_by_target', detail: `SQLSTATE ${refusal.sqlState}${constraint}` };
}

export function payloadOf(mapping: RowMapping, row: ConvertedRow): string {
  return row.kind === 'reject' ? row.payload : mapping.payload(row.source);
}
