import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GatewayRefusal } from './refusals.js';

/** The headers of a refusal, names and values in turn, and its body. */
function renderRefusal(
  { problem, status, retryAfter, allow, closes }: GatewayRefusal,
  more: readonly string[],
): { headers: string[]; body: Buffer } {
  const body = Buffer.from(JSON.stringify(problem));
  const headers = ['Content-Type', 'application/problem+json', 'Content-Length', String(body.length), ...more];
  if (retryAfter !== undefined) headers.push('Retry-After', String(retryAfter));
  if (allow !== undefined) headers.push('Allow', allow);
  if (closes === true && !more.includes('Connection')) headers.push('Connection', 'close');
  if (status === 401) headers.push('WWW-Authenticate', 'Bearer');
  return { headers, body };
}

/** `more`: further headers, names and values in turn. */
export function sendRefusal(res: ServerResponse, refused: GatewayRefusal, more: readonly string[] = []): void {
  const { headers, body } = renderRefusal(refused, more);
  res.writeHead(refused.status, headers);
  res.end(body);
}

/** Answers on a raw connection and closes it. */
export function sendRawRefusal(socket: Duplex, refused: GatewayRefusal, more: readonly string[] = []): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { headers, body } = renderRefusal(refused, [...more, 'Connection', 'close']);
  const lines = headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1]}\r\n`] : []));
  socket.write(
    Buffer.concat([Buffer.from(`HTTP/1.1 ${refused.status} ${refused.problem.title}\r\n${lines.join('')}\r\n`), body]),
  );
  closeGracefully(socket);
}

/** How long one end of a connection may stay open after the other has ended. */
export const halfClosedMillis = 1000;

/** Ends a connection, and destroys it if the client does not end its side in time. */
export function closeGracefully(socket: Duplex): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), halfClosedMillis);
  socket.once('close', () => clearTimeout(timer));
}
