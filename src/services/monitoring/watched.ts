import type { MetricSample } from '../../metrics/metrics-text.js';
import type { InstanceEntry } from '../../registry/instances.js';

/** An instance as the collector knows it. */
export interface WatchedInstance {
  readonly entry: InstanceEntry;
  readonly up: boolean;
  readonly healthy: boolean;
  /** Its last samples, kept while it does not answer. */
  readonly samples: readonly MetricSample[];
  /** Milliseconds since 1970 of its last complete response; before that, of its first registration. */
  readonly answeredAt: number;
}
