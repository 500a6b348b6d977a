import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { TokenVerifier } from '../../auth/tokens.js';
import type { UserTokenVerifier } from '../../auth/user-tokens.js';
import { kindAndPlace } from '../../base/failures.js';
import type { CubeId } from '../../domain/catalog.js';
import { isTrafficName, type TrafficName } from '../../domain/cubes.js';
import type { Ownership } from '../../domain/traffic/routing.js';
import type { ShadowRule } from '../../domain/traffic/shadow-comparison.js';
import { createBuckets } from '../../traffic/bucket.js';
import type { FlagWatcher } from '../../traffic/flag-watcher.js';
import type { HoldWatch } from '../../traffic/hold-watch.js';
import type { InstanceSource } from '../../upstream/instance-source.js';
import { ResponseCache } from '../../upstream/response-cache.js';
import { AdmissionControl, isOwnCall, isRefusal, type RateLimits } from './admission/admission.js';
import { ResponseHeaderReader } from './admission/headers.js';
import { Identities } from './admission/identity.js';
import { createListener, shutDown } from './admission/listener.js';
import { discardBody } from './admission/request-body.js';
import { WaitingRoom } from './admission/waiting-room.js';
import type { GatewayContext, GatewayLimits } from './context.js';
import { Exchange } from './exchange/exchange.js';
import { type OpenExchange, OpenExchanges } from './exchange/open-exchanges.js';
import { type GatewayRefusal, refusals, sendRawRefusal, sendRefusal } from './exchange/refusals.js';
import { ResponseBatcher } from './exchange/response-batcher.js';
import { Tunnels } from './exchange/tunnels.js';
import { UpgradeExchange } from './exchange/upgrade-exchange.js';
import type { InFlightCounter } from './observation/in-flight-counter.js';
import { GatewayMetrics } from './observation/metrics.js';
import { RefusedUsers } from './observation/refused-users.js';
import { createShadowing } from './observation/shadowing.js';
import { type SharedFailures, UserWindows } from './observation/user-windows.js';
import { OwnEndpoints, ownEndpoint } from './own-endpoints.js';
import { RouteTable } from './routing/routes.js';
import { Sides } from './routing/sides.js';

export interface GatewayOptions {
  readonly instanceId: string;
  readonly version: string;
  readonly limits: GatewayLimits;
  readonly flags: Pick<FlagWatcher, 'flagsOf' | 'killed' | 'state'>;
  readonly holds: Pick<HoldWatch, 'holds' | 'lifted'>;
  readonly inFlight: InFlightCounter;
  readonly instances: Pick<InstanceSource<CubeId>, 'ready' | 'versionOf' | 'staleForMillis'>;
  /** Where the monolith serves each kind; a kind that is not named has no legacy side. */
  readonly legacyUrls: ReadonlyMap<TrafficName, string>;
  readonly ownershipOf: (name: TrafficName) => Ownership;
  readonly trustedEdges: readonly string[];
  readonly rateLimits: RateLimits;
  readonly failures: SharedFailures;
  readonly userTokens: Pick<UserTokenVerifier, 'verify'>;
  readonly cubeTokens: Pick<TokenVerifier, 'verify'>;
  readonly hopToken: (name: string) => string;
  /** How the two sides are compared; without it they are not. */
  readonly shadow?: { readonly rules: readonly ShadowRule[] };
  readonly log: Logger;
}

export interface Gateway {
  readonly server: Server;
  /** Takes no more, lets what is under way come to its end within the limit, and lets go of all connections. */
  close(): Promise<void>;
}

const sweepMillis = 250;
const cacheBytes = 64 * 1024 * 1024;

/** The gateway on Node's own HTTP server, without its listener's address. */
export function createGateway(options: GatewayOptions): Gateway {
  const { limits, log } = options;
  const now = () => performance.now();
  const random = Math.random;
  const routes = new RouteTable();
  const metrics = new GatewayMetrics(routes.all);
  const sides = new Sides(routes.all, { ...options, now, random }, true);
  const counting = {
    windowMillis: limits.windowMillis,
    weightOf: (label: string) => (isTrafficName(label) ? options.flags.flagsOf(label).percentage : 100),
    failures: options.failures,
    now,
  };
  const windows = new UserWindows({ ...counting, labels: [...sides.all.keys()] });
  const refused = new RefusedUsers(routes.all, counting);
  let closing = false;

  const exchanges = new OpenExchanges<OpenExchange>();
  const shadowed = options.shadow === undefined ? [] : routes.all.filter(({ shadowable }) => shadowable);
  // Connections of their own: what a comparison meets breaks off nothing for clients.
  const shadowSides = new Sides(shadowed, { ...options, now, random }, false);
  const shadow =
    options.shadow === undefined
      ? null
      : createShadowing({
          sides: shadowSides.all,
          inFlight: () => exchanges.size,
          hopToken: options.hopToken,
          rules: options.shadow.rules,
        });

  const identities = new Identities(options);
  const door = new AdmissionControl({ ...options, routes, identities, ownEndpoint });
  const context: GatewayContext = {
    limits,
    flags: options.flags,
    ownershipOf: options.ownershipOf,
    buckets: createBuckets(),
    sidesOf: (label) => sides.of(label),
    hopToken: options.hopToken,
    cache: new ResponseCache({ now, random, maxBytes: cacheBytes }),
    metrics,
    windows,
    refused,
    shadow,
    inFlight: options.inFlight,
    waitingRoom: new WaitingRoom(options.holds, limits.maxHeld),
    exchanges,
    responseHeaders: new ResponseHeaderReader(),
    isStillValid: (authorization) => identities.isStillValid(authorization),
    newRequestId: () => door.newRequestId(),
    responseBatcher: new ResponseBatcher(),
    log,
    now,
    random,
  };
  const tunnels = new Tunnels(limits);
  const own = new OwnEndpoints({
    ...options,
    registryStaleForMillis: () => options.instances.staleForMillis(),
    metrics,
    windows,
    refused,
    shadow,
    sides: sides.all,
    shadowSides: shadowSides.all,
    tunnels: () => tunnels.size,
    ready: () => !closing,
  });

  const server = createListener(limits, (status) => {
    metrics.count('other', 'refused', status, 0);
    return door.newRequestId();
  });
  // Two of them would wait for the gateway to say that the body may come.
  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
    server.on(event, (req: IncomingMessage, res: ServerResponse) => {
      const startedAt = now();
      try {
        take(req, res, startedAt);
      } catch (error) {
        const name = reportFailure(req, error);
        if (res.headersSent) res.destroy();
        else sendRefusal(res, refusals.unexpected, ['X-Request-Id', name]);
      }
    });

  /** Answers under which name it stands in the log. */
  function reportFailure(req: IncomingMessage, error: unknown): string {
    const name = door.requestIdForRefusal(req);
    log.error(
      { request_id: name, error: error instanceof Error ? kindAndPlace(error, 3) : typeof error },
      'a request failed in the gateway',
    );
    return name;
  }

  function take(req: IncomingMessage, res: ServerResponse, startedAt: number): void {
    const admitted = door.admit(req, false);
    if (isRefusal(admitted)) {
      refuse(req, res, admitted, startedAt);
      return;
    }
    if (isOwnCall(admitted)) {
      res.setHeader('X-Request-Id', admitted.requestId);
      const status = own.answer(req, res, admitted);
      metrics.count(req.method ?? '', admitted.endpoint, status, (now() - startedAt) / 1000);
      return;
    }
    // Each by its name: V8 puts what is spread from another object into its old generation, a kilobyte a request.
    const { route, target, headers, forwarded, user, authorization, isCube, client, synthetic, requestId, trace } =
      admitted;
    const method = req.method ?? 'GET';
    const request = {
      route,
      target,
      headers,
      forwarded,
      user,
      authorization,
      isCube,
      client,
      synthetic,
      requestId,
      trace,
      req,
      res,
      method,
      startedAt,
    };
    new Exchange(context, request).start();
  }

  function refuse(req: IncomingMessage, res: ServerResponse, refused: GatewayRefusal, startedAt: number): void {
    sendRefusal(res, refused, ['X-Request-Id', door.requestIdForRefusal(req)]);
    metrics.count(req.method ?? '', 'refused', refused.status, (now() - startedAt) / 1000);
    discardBody(req);
  }

  server.on('upgrade', (req: IncomingMessage, socket: Socket, first: Buffer) => {
    // The server no longer hears of its errors, and one that nobody hears ends the process.
    socket.on('error', () => socket.destroy());
    try {
      takeUpgrade(req, socket, first, now());
    } catch (error) {
      sendRawRefusal(socket, refusals.unexpected, ['X-Request-Id', reportFailure(req, error)]);
    }
  });
  // Without it Node would close the connection without a word.
  server.on('connect', (req: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    metrics.count('CONNECT', 'refused', refusals.method.status, 0);
    sendRawRefusal(socket, refusals.method, ['X-Request-Id', door.requestIdForRefusal(req)]);
  });
  function takeUpgrade(req: IncomingMessage, socket: Socket, first: Buffer, startedAt: number): void {
    const admitted = door.admit(req, true);
    if (isRefusal(admitted) || isOwnCall(admitted)) {
      // Nothing that the gateway answers by itself is a WebSocket.
      refuseUpgrade(req, socket, isRefusal(admitted) ? admitted : refusals.upgrade);
      return;
    }
    const { user, client, authorization } = admitted;
    const refused = tunnels.add(socket, {
      client: user === null ? client && `address ${client}` : `user ${user}`,
      isStillValid: () => identities.isStillValid(authorization),
    });
    if (refused !== null) {
      refuseUpgrade(req, socket, refused);
      return;
    }
    new UpgradeExchange(context, { ...admitted, req, socket, first, startedAt }).start();
  }

  function refuseUpgrade(req: IncomingMessage, socket: Socket, refused: GatewayRefusal): void {
    metrics.count('GET', 'refused', refused.status, 0);
    sendRawRefusal(socket, refused, ['X-Request-Id', door.requestIdForRefusal(req)]);
  }

  const sweep = setInterval(() => {
    const at = now();
    tunnels.closeInvalid();
    for (const exchange of context.exchanges.toArray()) exchange.checkDeadline(at);
  }, sweepMillis);
  sweep.unref();

  return {
    server,
    async close() {
      closing = true;
      await shutDown(server, limits.drainMillis, () => {
        for (const exchange of context.exchanges.toArray()) exchange.abort();
        tunnels.closeAll();
      });
      clearInterval(sweep);
      windows.close();
      refused.close();
      await Promise.all([sides.destroy(), shadowSides.destroy()]);
    },
  };
}
