import type { FetchFailureReason } from '../../domain/crawler/fetch-failure.js';

/** Ends the fetch of one page. It never leaves the fetcher, which answers it as an outcome. */
export class PageFailure extends Error {
  override readonly name = 'PageFailure';

  constructor(
    readonly reason: FetchFailureReason,
    readonly detail: string,
    /** Of the response that was unexpected. */
    readonly status?: number,
  ) {
    super(detail);
  }
}

const tlsCodes = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|EPROTO)/;

/** The failure that an error of a request or its body is; an error of a kind that networks do not make is thrown as it is. */
export function pageFailure(error: unknown): PageFailure {
  if (error instanceof PageFailure) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENODATA')
    return new PageFailure('name_not_resolved', `The name of the host does not resolve (${code}).`);
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW')
    return new PageFailure('headers_too_large', 'The headers of the response are too large.');
  if (tlsCodes.test(code)) return new PageFailure('tls_failed', `No TLS connection came about (${code}).`);
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code.startsWith('HPE_'))
    return new PageFailure('response_damaged', `The response breaks the rules of HTTP (${code}).`);
  if (code.startsWith('E') || code.startsWith('UND_ERR_'))
    return new PageFailure('unreachable', `The connection failed (${code}).`);
  throw error;
}
