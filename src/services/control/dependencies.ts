import type { FastifyBaseLogger } from 'fastify';
import type pg from 'pg';
import type { Authorization } from '../authorization.js';
import type { MigrationWorkflows } from './workflows.js';

/** What the control API is built from. */
export interface ControlSettings {
  readonly cube: pg.Pool;
  readonly workflows: MigrationWorkflows;
  /** What cube tokens are signed with. */
  readonly secret: string;
  readonly clock: () => Date;
  readonly logger: FastifyBaseLogger | false;
}

/** What the routes share. */
export interface ControlDependencies extends ControlSettings {
  readonly authorization: Authorization;
  /** Aborted when the app closes: streams end then. */
  readonly closing: AbortSignal;
}
