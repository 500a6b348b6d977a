import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import pg from 'pg';
import { Failure } from '../base/failures.js';

/** Requests for a password whose answer reveals more than that the client knows it, by the driver's events. */
const openRequests = {
  authenticationCleartextPassword: 'the password itself',
  authenticationMD5Password: 'the password as MD5',
} as const;

/**
 * A client that does not reveal its password. The driver sends it to any server that requests it, and while the right
 * server is down another program may listen at its address. So without TLS this client never sends the password itself, nor
 * its MD5 to a server on this machine, where any user can listen. SCRAM proves knowledge of a password without sending it.
 */
export class GuardedClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    // Before the driver's own listeners, which come with `connect`.
    for (const [request, requested] of Object.entries(openRequests))
      this.connection.on(request, () => {
        const { stream } = this.connection;
        if (stream instanceof TLSSocket || (request === 'authenticationMD5Password' && !isThisMachine(stream))) return;
        // What the driver still writes to it goes nowhere.
        stream.destroy();
        this.connection.emit('error', passwordRequested(`${this.host}:${this.port}`, requested));
      });
  }
}

function passwordRequested(address: string, requested: string): Failure {
  return new Failure(
    'permission_denied',
    `The server at ${address} requested ${requested} over a connection without TLS, and received nothing.`,
    {
      hint: `Check that your PostgreSQL server runs and that no other program listens at ${address}. If it is yours: set scram-sha-256 in its pg_hba.conf and the role's password anew, or add ?sslmode=verify-full to the URL.`,
    },
  );
}

/** Of two ends with one address, or with none, as a Unix socket has them, both are here; or the other is on loopback. */
function isThisMachine(stream: object): boolean {
  if (!(stream instanceof Socket)) return true;
  const { remoteAddress = '', localAddress } = stream;
  return remoteAddress === (localAddress ?? '') || /^(::ffff:)?127\./.test(remoteAddress);
}
