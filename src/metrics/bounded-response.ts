import { request } from 'undici';

/** Longer than any instance needs to say how it is: one that tells more must not take the memory of who asked. */
const usualBytes = 4 * 1024 * 1024;

export interface BoundedRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  readonly maxBytes?: number;
}

export interface BoundedResponse {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks a URL and reads its answer whole. Follows no redirect: nobody is asked but who was meant. Throws when it answers too
 * much, or not before the signal.
 */
export async function fetchBoundedResponse(url: string, question: BoundedRequest): Promise<BoundedResponse> {
  const { maxBytes = usualBytes, headers = {}, ...how } = question;
  const { statusCode, body } = await request(url, { ...how, headers: { ...headers } });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return { status: statusCode, text: Buffer.concat(chunks).toString('utf8') };
}

/** The text that a URL answers with 200. Throws when it answers anything else, too much, or not before the signal. */
export async function fetchBounded(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, text } = await fetchBoundedResponse(url, { signal, headers });
  if (status !== 200) throw new Error(`answered ${status}`);
  return text;
}
