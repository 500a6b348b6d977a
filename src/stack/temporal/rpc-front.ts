import { connect, type Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { readKey, type TemporalKeys } from '../../state/temporal-keys.js';

/** A connection without a certificate by then is closed. */
const handshakeMillis = 5000;
/** More than a stack's programs open by far; further ones are closed at once, so that a flood takes no memory. */
export const maxConnections = 512;

/**
 * Passes gRPC on to the server that listens on `port` of this network, for those alone who hold a certificate of the
 * stack's authority. Bytes are streamed as they come: a side that reads slowly slows the other down.
 */
export function createRpcFront(keys: TemporalKeys, port: number): Server {
  const server = createServer(
    {
      ca: readKey(keys, 'authority'),
      cert: readKey(keys, 'serverCertificate'),
      key: readKey(keys, 'serverKey'),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeMillis,
      allowHalfOpen: true,
      noDelay: true,
    },
    (near: TLSSocket) => {
      const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      passOn(near, far);
      passOn(far, near);
    },
  );
  server.maxConnections = maxConnections;
  // A refused client has the reason in its own log; if it were logged here, any user could fill the log.
  server.on('tlsClientError', () => undefined);
  return server;
}

/** An end is passed on as an end; a side that is gone before both have said all breaks off the other. */
function passOn(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (!from.readableEnded || !to.readableEnded) to.destroy();
  });
}
