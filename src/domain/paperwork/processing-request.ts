import type { ProcessKind } from './process.js';

/** A request to process a file: another one after the first has ended is another `request`, a UUID. */
export interface ProcessRequest {
  readonly fileId: string;
  readonly kind: ProcessKind;
  readonly request: string;
}

/** The plan of a file and kind: one at a time. */
export function processWorkflowId({ fileId, kind }: Pick<ProcessRequest, 'fileId' | 'kind'>): string {
  return `process/${fileId}/${kind}`;
}
