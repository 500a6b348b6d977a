import { buildConnector, type Dispatcher, Pool } from 'undici';
import { withoutInterimResponses } from './interim-responses.js';

export interface ConnectionLimits {
  /** How long a connection may take to come about. */
  readonly connectMillis: number;
  /** Connections to one place; more calls than that wait. */
  readonly perEndpoint: number;
}

/**
 * Kept-alive connections to one place. The time limits of undici (five minutes for headers and for silence in a body)
 * are off: whoever calls has its own.
 */
export function connectEndpoint(url: string, { connectMillis, perEndpoint }: ConnectionLimits): Dispatcher {
  const connect = buildConnector({ timeout: connectMillis });
  return new Pool(new URL(url).origin, {
    connections: perEndpoint,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4000,
    connect: (options, callback) =>
      connect(options, (...[error, socket]) => {
        // One that fails gives no socket, whatever its type says.
        if (error !== null) callback(error, null);
        else callback(null, withoutInterimResponses(socket));
      }),
  });
}
