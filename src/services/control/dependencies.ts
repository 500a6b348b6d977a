import type { FastifyBaseLogger } from 'fastify';
import type pg from 'pg';
import type { TokenVerifier } from '../../auth/tokens.js';
import type { ReachCrashPoint } from '../../base/crash-points.js';
import type { Authorization } from '../../http/authorization.js';
import type { RedisConnection } from '../../redis/connection.js';
import type { InstanceFilter } from '../../registry/instances.js';
import type { CubeCalls } from '../../runtime/cube-calls.js';
import type { BlobStore } from '../../storage/blob-store.js';
import type { LastWeights } from '../../traffic/last-weights.js';
import type { CubeWorkflows } from './cubes/cube-workflows.js';
import type { KeptVersions, WarmVersionOf } from './cubes/kept-versions.js';
import type { MigrationFeed } from './migrations/feed.js';
import type { MigrationWorkflows } from './migrations/workflows.js';
import type { RampWorkflows } from './traffic/ramp-workflows.js';

/** What the control API is built from. */
export interface ControlSettings {
  readonly cube: pg.Pool;
  /** Holds the traffic flags; it may be away. */
  readonly redis: RedisConnection;
  /** Which instances of the registry are called for their health. */
  readonly admits: InstanceFilter;
  /** Calls of instances, with a token of their own. */
  readonly calls: CubeCalls;
  readonly workflows: MigrationWorkflows;
  readonly cubeWorkflows: CubeWorkflows;
  readonly ramps: RampWorkflows;
  readonly keptVersions: KeptVersions;
  readonly warmVersionOf: WarmVersionOf;
  /** Of one cube, of all its versions. */
  readonly maxInstances: number;
  readonly tokens: TokenVerifier;
  /** What reports are signed with, as it is now. */
  readonly secret: () => string;
  /** Throws `configuration_invalid` where no store is named. */
  readonly store: () => BlobStore;
  /** The place to which contents of the store are brought. Throws `invalid_input` and `configuration_invalid`. */
  readonly moveTarget: (to: string) => Promise<BlobStore>;
  readonly reach: ReachCrashPoint;
  readonly clock: () => Date;
  readonly logger: FastifyBaseLogger | false;
}

/** What the routes share. */
export interface ControlDependencies extends ControlSettings {
  readonly weights: LastWeights;
  readonly authorization: Authorization;
  /** What streams of events follow. */
  readonly feed: MigrationFeed;
  /** Aborted when the app closes: streams end then. */
  readonly closing: AbortSignal;
}
