import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { findCube } from '../../domain/cubes.js';
import { familiesOf, familyOf } from './poll.js';
import type { WatchedInstance } from './watched.js';

type PollOutcome = 'ok' | 'failed';

/** The collector's own metrics. */
export interface CollectorMetrics {
  registryRead(outcome: PollOutcome): void;
  /** Starts the timer of one poll; call the result with the outcome. */
  startOf(cubeId: string): (outcome: PollOutcome) => void;
  /** An instance was due and had not answered the previous poll. */
  skipped(cubeId: string): void;
  /** These metrics and those of the cubes, in Prometheus' text format. */
  render(watched: readonly WatchedInstance[], now: Date): Promise<string>;
}

/** The metrics of `ownCubeId` are left out: the cube serves them itself, at the same endpoint. */
export function createCollectorMetrics(ownCubeId: string): CollectorMetrics {
  const registry = new Registry();
  const registers = [registry];
  const labels = ['cube_id', 'cube_type', 'instance_id'] as const;
  const up = new Gauge({ name: 'cube_up', help: 'Whether an instance answers', labelNames: labels, registers });
  const healthy = new Gauge({
    name: 'cube_healthy',
    help: 'Whether an instance reports that all its dependencies answer',
    labelNames: labels,
    registers,
  });
  const age = new Gauge({
    name: 'cube_collection_age_seconds',
    help: 'Seconds since an instance last delivered its metrics',
    labelNames: labels,
    registers,
  });
  const instances = new Gauge({
    name: 'cube_instances',
    help: 'Instances by the state that they report',
    labelNames: ['cube_id', 'state', 'version'],
    registers,
  });
  const collections = new Counter({
    name: 'cube_collections_total',
    help: 'Polls of instances by outcome; skipped: the previous poll was not over',
    labelNames: ['cube_id', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'cube_collection_duration_seconds',
    help: 'Time until an instance had answered',
    labelNames: ['cube_id'],
    registers,
  });
  const reads = new Counter({
    name: 'cube_registry_reads_total',
    help: 'Reads of the registry by outcome',
    labelNames: ['outcome'],
    registers,
  });
  return {
    registryRead: (outcome) => reads.inc({ outcome }),
    startOf: (cubeId) => {
      const stop = durations.startTimer({ cube_id: cubeId });
      return (outcome) => {
        stop();
        collections.inc({ cube_id: cubeId, outcome });
      };
    },
    skipped: (cubeId) => collections.inc({ cube_id: cubeId, outcome: 'skipped' }),
    render: async (watched, now) => {
      for (const gauge of [up, healthy, age, instances]) gauge.reset();
      for (const { entry, ...seen } of watched) {
        const { cube_id, instance_id, state, version } = entry;
        const of = { cube_id, cube_type: findCube(cube_id)?.type ?? '', instance_id };
        up.set(of, seen.up ? 1 : 0);
        healthy.set(of, seen.healthy ? 1 : 0);
        age.set(of, (now.getTime() - seen.answeredAt) / 1000);
        instances.inc({ cube_id, state, version });
      }
      const others = watched.filter(({ entry }) => entry.cube_id !== ownCubeId);
      return `${await registry.metrics()}${renderSamples(others)}`;
    },
  };
}

/** The samples of instances, each with its instance id. */
function renderSamples(watched: readonly WatchedInstance[]): string {
  const cubeIds = [...new Set(watched.map(({ entry }) => entry.cube_id))];
  const lines = cubeIds.flatMap((cubeId) => {
    const samples = watched
      .filter(({ entry }) => entry.cube_id === cubeId)
      .flatMap(({ entry, samples: ofInstance }) =>
        ofInstance.map((sample) => ({ sample, instance: entry.instance_id })),
      );
    return Object.entries(familiesOf(cubeId)).flatMap(([family, type]) => [
      `# TYPE ${family} ${type}`,
      ...samples
        .filter(({ sample }) => familyOf(cubeId, sample.name) === family)
        .map(({ sample, instance }) => {
          const labels = Object.entries({ ...sample.labels, instance_id: instance });
          return `${sample.name}{${labels.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}} ${sample.value}`;
        }),
    ]);
  });
  return lines.map((line) => `${line}\n`).join('');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
