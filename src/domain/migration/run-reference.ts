import type { MigrationKind } from '../catalog.js';

/** A run in the state in which its plan starts a step: once it has gone on, an attempt that comes late does nothing. */
export interface RunReference {
  readonly migrationId: string;
  readonly kind: MigrationKind;
  /** Number of the state, which rises with each change. */
  readonly sequence: number;
}
