import { setTimeout as sleep } from 'node:timers/promises';
import { buildCube } from '../../http/cube.js';
import { runCubeProgram } from '../../http/cube-program.js';
import { readRegistry } from '../../registry/instances.js';
import { createCubeMetricsCollector } from './collector.js';
import { createCollectorMetrics } from './collector-metrics.js';
import { pollCube } from './poll.js';

/** A third of Prometheus' scrape interval, so that scraped values are never older than that. */
const everyMillis = 5000;

/** Entry point of the monitoring cube. */
await runCubeProgram('monitoring-cube', async ({ basics, redis, admits, signal }) => {
  const { clock, definition } = basics;
  const metrics = createCollectorMetrics(definition.cubeId);
  const collector = createCubeMetricsCollector({
    readRegistry: (cubeId) => readRegistry(redis, cubeId, admits),
    poll: pollCube,
    metrics,
    clock,
  });
  const app = await buildCube({
    ...basics,
    dependencies: {},
    optionalDependencies: { redis: () => redis.ping() },
    moreMetrics: { text: () => metrics.render(collector.watched(), clock()) },
  });
  const collecting = (async () => {
    while (!signal.aborted) {
      const next = sleep(everyMillis, undefined, { signal }).catch(() => undefined);
      await Promise.race([collector.collect(), next]);
      await next;
    }
  })();
  return { app, close: () => collecting };
});
