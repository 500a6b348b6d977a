/**
 * Standard request headers that do not identify the caller, in lower case: RFC 9110, 9111, 6265, 6454, 7240, 8942, 9218, 9421,
 * 9449 and 9530, the Fetch and WebSocket standards, server-sent events. The gateway identifies caller and route itself; the
 * headers for that are not here.
 */
export const standardRequestHeaders: ReadonlySet<string> = new Set([
  ...['accept', 'accept-charset', 'accept-datetime', 'accept-encoding', 'accept-language', 'accept-signature'],
  ...['access-control-request-headers', 'access-control-request-method', 'access-control-request-private-network'],
  ...['cache-control', 'content-digest', 'content-disposition', 'content-encoding', 'content-language'],
  ...['content-location', 'content-md5', 'content-range', 'content-type', 'cookie'],
  ...['date', 'device-memory', 'digest', 'dnt', 'downlink', 'dpop', 'dpr', 'ect'],
  ...['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-event-id'],
  ...['max-forwards', 'origin', 'pragma', 'prefer', 'priority', 'range', 'referer', 'repr-digest', 'rtt'],
  ...['save-data', 'sec-ch-prefers-color-scheme', 'sec-ch-prefers-reduced-motion', 'sec-ch-ua', 'sec-ch-ua-arch'],
  ...['sec-ch-ua-bitness', 'sec-ch-ua-form-factors', 'sec-ch-ua-full-version', 'sec-ch-ua-full-version-list'],
  ...['sec-ch-ua-mobile', 'sec-ch-ua-model', 'sec-ch-ua-platform', 'sec-ch-ua-platform-version', 'sec-ch-ua-wow64'],
  ...['sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site', 'sec-fetch-user', 'sec-gpc', 'sec-purpose'],
  ...['sec-websocket-extensions', 'sec-websocket-key', 'sec-websocket-protocol', 'sec-websocket-version'],
  ...['signature', 'signature-input', 'upgrade-insecure-requests', 'user-agent', 'viewport-width'],
  ...['want-content-digest', 'want-digest', 'want-repr-digest', 'width'],
]);
