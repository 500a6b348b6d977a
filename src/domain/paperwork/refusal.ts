/** Why a request to a paperwork service is not carried out: 400 malformed, 413 too large, 415 of another type, 422 impossible. */
export interface PaperworkRefusal {
  readonly kind: 'refusal';
  readonly status: 400 | 413 | 415 | 422;
  readonly field: string;
  readonly detail: string;
}

export function refusal(status: PaperworkRefusal['status'], field: string, detail: string): PaperworkRefusal {
  return { kind: 'refusal', status, field, detail };
}
