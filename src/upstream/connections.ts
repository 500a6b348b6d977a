import { buildConnector, type Dispatcher, Pool } from 'undici';
import { withoutInterimResponses } from './interim-responses.js';

export interface ConnectionLimits {
  /** Time limit for a new connection. */
  readonly connectMillis: number;
  /** Connections to one endpoint; further calls wait. */
  readonly perEndpoint: number;
}

/**
 * Keep-alive connections to one endpoint. The time limits of undici (five minutes for headers and between parts of a body) are
 * off: callers have their own.
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
        // After an error there is no socket, whatever the type says.
        if (error !== null) callback(error, null);
        else callback(null, withoutInterimResponses(socket));
      }),
  });
}
