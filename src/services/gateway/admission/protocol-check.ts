import type { IncomingMessage } from 'node:http';

/** What Node keeps with a connection of its server and does not document: the bytes that it is reading. */
interface Reading {
  readonly parser?: { readonly getCurrentBuffer?: () => Buffer } | null;
}

/**
 * Whether a request is one of HTTP/1.0 or 1.1. Node's parser takes RTSP and ICE too, and says of them what it says of HTTP;
 * the request line tells them apart, where it is among the bytes that came with the end of the headers. They have no version
 * 1.1: looking for a made-up one at the `first` request of a connection is enough, as each look copies those bytes.
 */
export function isHttp(req: IncomingMessage, first: boolean): boolean {
  if (req.httpVersionMajor !== 1) return false;
  if (req.httpVersionMinor === 1 && !first) return true;
  const { parser } = req.socket as Reading;
  const bytes = parser?.getCurrentBuffer?.();
  if (bytes === undefined) return true;
  const others = req.method === 'SOURCE' ? ['RTSP', 'ICE'] : ['RTSP'];
  return !others.some((name) => bytes.includes(` ${name}/`) && bytes.includes(`${req.method} ${req.url} ${name}/`));
}
