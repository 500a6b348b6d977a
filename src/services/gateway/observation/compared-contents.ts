import { createHash } from 'node:crypto';
import type { ComparableResponse } from '../../../domain/traffic/shadow-comparison.js';
import type { CachedResponse } from '../../../upstream/response-cache.js';

/** Of a content only its beginning is compared: a gateway has no memory and no time for files of any size. */
export const comparedBytes = 1024 * 1024;

/** The header of a request for the compared bytes: a service answers them with the size of the whole content. */
export const firstBytes = ['range', `bytes=0-${comparedBytes - 1}`] as const;

/** What a client of a content relies on, apart from its bytes. */
const comparedHeaders = ['content-range', 'etag', 'content-disposition', 'accept-ranges', 'cache-control'] as const;

/** The response of a service with the SHA-256 of its bytes instead of them. A problem is compared as it is. */
export function comparableContent({ status, headers, body }: CachedResponse): ComparableResponse {
  const contentType = mediaTypeOf(headers);
  if (contentType === 'application/problem+json') return { status, contentType, body: body.toString('utf8') };
  const compared = comparedHeaders.map((name) => [name, headerOf(headers, name) ?? null]);
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { status, contentType, body: JSON.stringify({ ...Object.fromEntries(compared), sha256 }) };
}

/** Without parameters, in lower case; empty without one. */
export function mediaTypeOf(headers: readonly string[]): string {
  const [type = ''] = (headerOf(headers, 'content-type') ?? '').split(';');
  return type.trim().toLowerCase();
}

/** `headers`: names and values in turn. */
function headerOf(headers: readonly string[], wanted: string): string | undefined {
  const index = headers.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === wanted);
  return index === -1 ? undefined : headers[index + 1];
}
