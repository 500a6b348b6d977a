import type { MetricSample } from '../../metrics/metrics-text.js';
import type { InstanceEntry } from '../../registry/instances.js';

/** An instance as the collector knows it. */
export interface WatchedInstance {
  readonly entry: InstanceEntry;
  readonly up: boolean;
  readonly healthy: boolean;
  /** The last it told, kept while it does not answer. */
  readonly samples: readonly MetricSample[];
  /** Milliseconds since 1970 of its last whole answer; of its first sight before. */
  readonly answeredAt: number;
}
