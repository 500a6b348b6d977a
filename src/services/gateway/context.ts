import type { Logger } from 'pino';
import type { TrafficName } from '../../domain/cubes.js';
import { uploadBodyBytes, uploadLimits } from '../../domain/paperwork/upload.js';
import type { Ownership } from '../../domain/traffic/routing.js';
import { limits } from '../../http/limits.js';
import type { Buckets } from '../../traffic/bucket.js';
import type { FlagWatcher } from '../../traffic/flag-watcher.js';
import type { Shadow } from '../../traffic/shadow.js';
import type { ResponseCache } from '../../upstream/response-cache.js';
import type { Upstream } from '../../upstream/upstream.js';
import type { WaitingRoom } from './admission/waiting-room.js';
import type { OpenExchange, OpenExchanges } from './exchange/open-exchanges.js';
import type { ResponseBatcher } from './exchange/response-batcher.js';
import type { ResponseHeaderReader } from './exchange/response-headers.js';
import type { InFlightCounter } from './observation/in-flight-counter.js';
import type { GatewayMetrics } from './observation/metrics.js';
import type { RefusedUsers } from './observation/refused-users.js';
import type { GatewayShadowRequest } from './observation/shadowing.js';
import type { UserWindows } from './observation/user-windows.js';

/** TRAFFIC, "Limits and identity", and how long upstreams may take. Milliseconds and bytes. */
export interface GatewayLimits extends Readonly<Record<keyof typeof limits, number>> {
  /** From the request to the first byte of its response. */
  readonly responseMillis: number;
  /** Of the largest body that brings a file. */
  readonly uploadBytes: number;
  /** Between two parts of a response, or of an uploaded file. */
  readonly idleMillis: number;
  readonly connectMillis: number;
  readonly holdMillis: number;
  readonly maxHeld: number;
  /** Maximum of WebSockets, in all and of one user or address; 0 for no limit. */
  readonly maxTunnels: number;
  readonly maxTunnelsPerClient: number;
  /** Length of a window of the series by user. */
  readonly windowMillis: number;
  readonly drainMillis: number;
}

export const gatewayLimits: GatewayLimits = {
  ...limits,
  uploadBytes: uploadBodyBytes(uploadLimits),
  responseMillis: 30_000,
  idleMillis: 30_000,
  connectMillis: 1000,
  holdMillis: 30_000,
  maxHeld: 1000,
  maxTunnels: 4096,
  maxTunnelsPerClient: 100,
  windowMillis: 10_000,
  drainMillis: 30_000,
};

/** The two sides of a cube. Legacy is null where the cube has no legacy service, or its URL is not set. */
export interface SidesOfCube {
  readonly cube: Upstream;
  /** The version of the cube that takes its traffic now. */
  readonly cubeVersion: () => string;
  readonly legacy: Upstream | null;
}

/** What every exchange uses of the gateway. */
export interface GatewayContext {
  readonly limits: GatewayLimits;
  readonly flags: Pick<FlagWatcher, 'flagsOf' | 'killed'>;
  readonly ownershipOf: (name: TrafficName) => Ownership;
  readonly buckets: Buckets;
  readonly sidesOf: (label: string) => SidesOfCube;
  readonly hopToken: (name: string) => string;
  readonly cache: ResponseCache;
  readonly metrics: GatewayMetrics;
  readonly windows: UserWindows;
  readonly refused: RefusedUsers;
  /** Null without shadow comparison. */
  readonly shadow: Shadow<GatewayShadowRequest> | null;
  readonly inFlight: InFlightCounter;
  readonly waitingRoom: WaitingRoom;
  /** The open exchanges; swept for deadlines. */
  readonly exchanges: OpenExchanges<OpenExchange>;
  readonly responseHeaders: ResponseHeaderReader;
  /** Whether the token of an admitted request is still valid: it may have expired, or its secret may have been replaced. */
  readonly isStillValid: (authorization: string | undefined) => boolean;
  /** A request id for a call of the gateway itself. */
  readonly newRequestId: () => string;
  readonly responseBatcher: ResponseBatcher;
  readonly log: Logger;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly random: () => number;
}
