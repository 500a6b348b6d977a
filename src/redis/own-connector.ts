import { createConnection, type Socket } from 'node:net';
import { AbstractConnector } from 'ioredis';
import { type LocalServer, provePeer } from '../base/local-peer.js';

interface ConnectorOptions {
  readonly host?: string;
  readonly port?: number;
  readonly connectTimeout?: number;
  readonly disconnectTimeout?: number;
}

/**
 * The driver's connector for the stack's Redis: it hands over a connection only after proving that it ends at `server`. A
 * connection without that proof is destroyed first; the driver treats it as lost, reports the error and tries again.
 */
export function connectorTo(server: LocalServer) {
  return class extends AbstractConnector {
    private readonly options: ConnectorOptions;

    constructor(given: unknown) {
      const options = given as ConnectorOptions;
      super(options.disconnectTimeout ?? 2000);
      this.options = options;
    }

    override async connect(): Promise<Socket> {
      const { host = '127.0.0.1', port = 6379, connectTimeout = 1000 } = this.options;
      this.connecting = true;
      delete this.firstError;
      const socket = createConnection({ host, port });
      this.stream = socket;
      socket.on('error', (error) => {
        this.firstError ??= error;
      });
      try {
        await connected(socket, connectTimeout);
        await provePeer(socket, server, connectTimeout);
      } catch (error) {
        this.firstError ??= error instanceof Error ? error : new Error(String(error));
        socket.destroy();
      }
      // The driver has disconnected meanwhile: there is no error to report.
      if (!this.connecting) socket.destroy();
      return socket;
    }
  };
}

function connected(socket: Socket, millis: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timedOut()), millis);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      settle();
    };
    socket.once('connect', () => end(resolve));
    socket.once('error', (error) => end(() => reject(error)));
    socket.once('close', () => end(() => reject(new Error('Connection is closed.'))));
  });
}

function timedOut(): Error {
  return Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT', syscall: 'connect' });
}
