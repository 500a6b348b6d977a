import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { type AdmissionControl, isOwnCall, isRefusal } from './admission/admission.js';
import type { GatewayContext } from './context.js';
import { type GatewayRefusal, refusals } from './exchange/refusals.js';
import { sendRawRefusal } from './exchange/send-refusal.js';
import type { Tunnels } from './exchange/tunnels.js';
import { UpgradeExchange } from './exchange/upgrade-exchange.js';
import { logUnexpected } from './observation/log.js';

/** Answers every request of the server for another protocol: a WebSocket becomes a tunnel, anything else is refused. */
export function listenForUpgrades(
  server: Server,
  context: GatewayContext,
  admission: AdmissionControl,
  tunnels: Tunnels,
): void {
  const { metrics, now, log } = context;

  function handle(req: IncomingMessage, socket: Socket, first: Buffer, startedAt: number): void {
    const admitted = admission.admit(req, true);
    if (isRefusal(admitted) || isOwnCall(admitted)) {
      // No endpoint of the gateway itself is a WebSocket.
      refuse(req, socket, isRefusal(admitted) ? admitted : refusals.upgrade);
      return;
    }
    const { user, client, authorization } = admitted;
    const refused = tunnels.add(socket, {
      client: user === null ? client && `address ${client}` : `user ${user}`,
      isStillValid: () => context.isStillValid(authorization),
    });
    if (refused !== null) {
      refuse(req, socket, refused);
      return;
    }
    new UpgradeExchange(context, { ...admitted, req, socket, first, startedAt }).start();
  }

  function refuse(req: IncomingMessage, socket: Socket, refused: GatewayRefusal): void {
    metrics.count('GET', 'refused', refused.status, 0);
    sendRawRefusal(socket, refused, ['X-Request-Id', admission.requestIdForRefusal(req)]);
  }

  server.on('upgrade', (req: IncomingMessage, socket: Socket, first: Buffer) => {
    // The server no longer handles errors of this socket, and an unhandled one would end the process.
    socket.on('error', () => socket.destroy());
    try {
      handle(req, socket, first, now());
    } catch (error) {
      const requestId = admission.requestIdForRefusal(req);
      logUnexpected(log, requestId, error);
      sendRawRefusal(socket, refusals.unexpected, ['X-Request-Id', requestId]);
    }
  });
  // Without a listener Node would close the connection silently.
  server.on('connect', (req: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    metrics.count('CONNECT', 'refused', refusals.method.status, 0);
    sendRawRefusal(socket, refusals.method, ['X-Request-Id', admission.requestIdForRefusal(req)]);
  });
}
