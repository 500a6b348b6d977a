import type { IncomingMessage } from 'node:http';

/** What Node keeps with a connection of its server and does not document: the bytes that it is reading. */
interface Reading {
  readonly parser?: { readonly getCurrentBuffer?: () => Buffer } | null;
}

/**
 * Whether a request is one of HTTP/1.0 or 1.1. Node's parser takes RTSP and ICE too, and says of them what it says of HTTP;
 * the request line tells them apart, where it is among the bytes that came with the end of the headers.
 */
export function speaksHttp(req: IncomingMessage): boolean {
  if (req.httpVersionMajor !== 1) return false;
  const { parser } = req.socket as Reading;
  const bytes = parser?.getCurrentBuffer?.();
  if (bytes === undefined) return true;
  const others = req.method === 'SOURCE' ? ['RTSP', 'ICE'] : ['RTSP'];
  return !others.some((name) => bytes.includes(` ${name}/`) && bytes.includes(`${req.method} ${req.url} ${name}/`));
}
