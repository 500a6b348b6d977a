import type { Server } from 'node:http';
import type { Logger } from 'pino';
import type { TokenVerifier } from '../../auth/tokens.js';
import type { UserTokenVerifier } from '../../auth/user-tokens.js';
import type { CubeId } from '../../domain/catalog.js';
import { isTrafficName, type TrafficName } from '../../domain/cubes.js';
import type { Ownership } from '../../domain/traffic/routing.js';
import type { ShadowRule } from '../../domain/traffic/shadow-comparison.js';
import { createBuckets } from '../../traffic/bucket.js';
import type { FlagWatcher } from '../../traffic/flag-watcher.js';
import type { HoldWatch } from '../../traffic/hold-watch.js';
import type { InstanceSource } from '../../upstream/instance-source.js';
import { ResponseCache } from '../../upstream/response-cache.js';
import { AdmissionControl, type RateLimits } from './admission/admission.js';
import { Identities } from './admission/identity.js';
import { createListener, shutDown } from './admission/listener.js';
import { WaitingRoom } from './admission/waiting-room.js';
import type { GatewayContext, GatewayLimits } from './context.js';
import { type OpenExchange, OpenExchanges } from './exchange/open-exchanges.js';
import { ResponseBatcher } from './exchange/response-batcher.js';
import { ResponseHeaderReader } from './exchange/response-headers.js';
import { Tunnels } from './exchange/tunnels.js';
import type { InFlightCounter } from './observation/in-flight-counter.js';
import { GatewayMetrics } from './observation/metrics.js';
import { RefusedUsers } from './observation/refused-users.js';
import { createShadowing } from './observation/shadowing.js';
import { type SharedFailures, UserWindows } from './observation/user-windows.js';
import { OwnEndpoints, ownEndpoint } from './own-endpoints.js';
import { listenForRequests } from './request-listener.js';
import { RouteTable } from './routing/routes.js';
import { Sides } from './routing/sides.js';
import { listenForUpgrades } from './upgrade-listener.js';

export interface GatewayOptions {
  readonly instanceId: string;
  readonly version: string;
  readonly limits: GatewayLimits;
  readonly flags: Pick<FlagWatcher, 'flagsOf' | 'killed' | 'state'>;
  readonly holds: Pick<HoldWatch, 'holds' | 'lifted'>;
  readonly inFlight: InFlightCounter;
  readonly instances: Pick<InstanceSource<CubeId>, 'ready' | 'versionOf' | 'staleForMillis'>;
  /** The monolith's URL by cube; a cube without one has no legacy side. */
  readonly legacyUrls: ReadonlyMap<TrafficName, string>;
  readonly ownershipOf: (name: TrafficName) => Ownership;
  readonly trustedEdges: readonly string[];
  readonly rateLimits: RateLimits;
  readonly failures: SharedFailures;
  readonly userTokens: Pick<UserTokenVerifier, 'verify'>;
  readonly cubeTokens: Pick<TokenVerifier, 'verify'>;
  readonly hopToken: (name: string) => string;
  /** Settings of the shadow comparison; none without them. */
  readonly shadow?: { readonly rules: readonly ShadowRule[] };
  readonly log: Logger;
}

export interface Gateway {
  readonly server: Server;
  /** Stops accepting requests, lets those in flight complete within the limit, and closes all connections. */
  close(): Promise<void>;
}

const sweepMillis = 250;
const cacheBytes = 64 * 1024 * 1024;

/** The gateway on Node's own HTTP server; the caller lets it listen. */
export function createGateway(options: GatewayOptions): Gateway {
  const { limits, log } = options;
  const now = () => performance.now();
  const random = Math.random;
  const routes = new RouteTable(limits);
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
  // Separate connections: failures of a comparison open no breaker for clients.
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
  const admission = new AdmissionControl({ ...options, routes, identities, ownEndpoint });
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
    newRequestId: () => admission.newRequestId(),
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
    return admission.newRequestId();
  });
  listenForRequests(server, context, admission, own);
  listenForUpgrades(server, context, admission, tunnels);

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
