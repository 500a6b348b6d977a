import { once } from 'node:events';
import { createConnection } from 'node:net';
import { Agent, fetch } from 'undici';
import { Failure } from '../base/failures.js';
import { provePeer, StrangerFailure } from '../base/local-peer.js';

/** A request as the command line makes it. */
export interface ControlRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** What the command line reads of an answer. */
export interface ControlResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly body: ReadableStream<Uint8Array> | null;
  json(): Promise<unknown>;
}

const proofMillis = 10_000;

/**
 * `fetch` for the control API of the stack in the state folder, which only its user can use: the control API runs as that
 * user. Its address stays in the folder after a crash, when any local user can listen there, so the connection is proved
 * before the request with its token is sent. Throws `control_unreachable` for a program of another user.
 */
export async function fetchFromStack(url: string, request: ControlRequest): Promise<ControlResponse> {
  try {
    const response = await fetch(url, { ...request, redirect: 'error', dispatcher: provingAgent(request.signal) });
    return response as ControlResponse;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof StrangerFailure)) throw error;
    throw new Failure('control_unreachable', cause.message, {
      safe: 'Nothing was changed; migrations and ramps that have begun continue.',
      hint: 'Type `cubeshift down`, then `cubeshift up`: it chooses another port when this one is taken.',
      cause,
    });
  }
}

/** For one request: what is proved is a connection, and a connection that waits for its proof ends with the request. */
function provingAgent(signal: AbortSignal): Agent {
  return new Agent({
    // Without keep-alive: the next request proves its own connection.
    pipelining: 0,
    connect: ({ hostname, port }, callback) => {
      const socket = createConnection({ host: hostname, port: Number(port), signal });
      const proved = async () => {
        await once(socket, 'connect');
        await provePeer(socket, { name: "the stack's control API", userId: process.geteuid?.() ?? -1 }, proofMillis);
      };
      proved().then(
        () => callback(null, socket),
        (error: Error) => {
          socket.on('error', () => undefined).destroy();
          callback(error, null);
        },
      );
    },
  });
}
