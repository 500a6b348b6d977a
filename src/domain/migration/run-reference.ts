import type { MigrationKind } from '../catalog.js';

/** A run in the state in which its plan starts a step: once it has gone on, an attempt that comes late does nothing. */
export interface RunStep {
  readonly migrationId: string;
  /** Number of the state, which rises with each change. */
  readonly sequence: number;
}

/** The same with the kind of the run, as each of its activities gets it. */
export interface RunReference extends RunStep {
  readonly kind: MigrationKind;
}
