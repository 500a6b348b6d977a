import type { ModelProcessLimits } from './model-process.js';
import type { UnavailableReason } from './model-unavailable.js';
import type { BatchingOptions } from './warm-model.js';

export interface ModelPoolOptions extends BatchingOptions {
  readonly process: ModelProcessLimits;
  /** Of all processes together: beyond it the models that were used least recently leave. */
  readonly maxResidentBytes: number;
  /** Of one version, from the request to its answer; more are refused as `overloaded`. */
  readonly maxPending: number;
  /** After so long without a prediction a version leaves that is not kept. */
  readonly idleMillis: number;
  readonly observer: ModelPoolObserver;
}

/** What happens in a pool, by the name of the model. */
export interface ModelPoolObserver {
  batch(model: string, rows: number): void;
  evicted(model: string): void;
  /** Its process ended, or it could not be loaded. */
  failed(model: string, reason: UnavailableReason): void;
}
