import { request } from 'undici';

/** More than any instance needs: a larger response must not exhaust the caller's memory. */
const defaultMaxBytes = 4 * 1024 * 1024;

export interface BoundedRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  readonly maxBytes?: number;
}

export interface BoundedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

/**
 * Requests a URL and reads the complete response. Follows no redirect, so that no other server gets the request. Throws when the
 * response is too large, or not complete before the signal.
 */
export async function fetchBoundedResponse(url: string, bounded: BoundedRequest): Promise<BoundedResponse> {
  const { maxBytes = defaultMaxBytes, headers = {}, ...options } = bounded;
  const { statusCode, headers: received, body } = await request(url, { ...options, headers: { ...headers } });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return { status: statusCode, headers: received, text: Buffer.concat(chunks).toString('utf8') };
}

/** The text of a 200 response. Throws for any other status, a response that is too large, or not complete before the signal. */
export async function fetchBounded(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, text } = await fetchBoundedResponse(url, { signal, headers });
  if (status !== 200) throw new Error(`answered ${status}`);
  return text;
}
