import { parentPort } from 'node:worker_threads';
import { compileRules, type PageExtractor } from './extract-page.js';
import type { ExtractionRules } from './extraction-rules.js';
import type { ExtractionAnswer, ExtractionRequest } from './messages.js';

/** A thread that extracts: answers each page in turn. Rules are those of the page before most often. */
let compiled: { readonly key: string; readonly extract: PageExtractor } | undefined;

parentPort?.on('message', (request: ExtractionRequest) => parentPort?.postMessage(answerOf(request)));

function answerOf({ html, rules }: ExtractionRequest): ExtractionAnswer {
  try {
    return { extraction: extractorFor(rules)(html) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function extractorFor(rules: ExtractionRules): PageExtractor {
  const key = JSON.stringify(rules);
  if (compiled?.key !== key) compiled = { key, extract: compileRules(rules) };
  return compiled.extract;
}
