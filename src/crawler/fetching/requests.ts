import { userAgentOf } from '../../domain/crawler/crawler-name.js';

/** The run that a request belongs to. */
export interface RequestOwner {
  readonly jobId: string;
  readonly runId: string;
}

/** What a host said of a page when it was fetched last. */
export interface PageValidators {
  /** The page that said it, which a redirect may have led to; the URL of the request where it is left out. */
  readonly url?: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** The headers that every request has. */
export function requestHeaders({ jobId, runId }: RequestOwner, accept: string): Readonly<Record<string, string>> {
  return {
    'user-agent': userAgentOf(jobId, runId),
    accept,
    'accept-language': 'ko, en;q=0.5, *;q=0.1',
    'accept-encoding': 'gzip, deflate, br',
  };
}

/** Headers by which a host answers 304 where the page is as it was. */
export function conditions({ etag, lastModified }: PageValidators): Readonly<Record<string, string>> {
  return {
    ...(isHeaderText(etag) ? { 'if-none-match': etag } : {}),
    ...(isHeaderText(lastModified) ? { 'if-modified-since': lastModified } : {}),
  };
}

function isHeaderText(text: string | undefined): text is string {
  return text !== undefined && /^[\x20-\x7e]{1,1000}$/.test(text);
}
