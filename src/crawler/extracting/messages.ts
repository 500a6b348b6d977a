import type { Extraction } from './extract-page.js';
import type { ExtractionRules } from './extraction-rules.js';

/** Between a program and a thread that extracts. One page at a time, so that answers need no id. */
export interface ExtractionRequest {
  readonly html: string;
  readonly rules: ExtractionRules;
}

/** `problem` is the sentence of an error that the page brought about. */
export type ExtractionAnswer = { readonly extraction: Extraction } | { readonly problem: string };
