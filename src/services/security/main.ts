import { runCubeProgram } from '../../http/cube-program.js';
import { createRateLimiter } from '../../http/rate-limit.js';
import { appendAudit, mayAppend } from '../../postgres/audit.js';
import { createPool } from '../../postgres/connect.js';
import { connectConfiguredRedis } from '../../redis/connection.js';
import { buildSecurityCube } from './app.js';

/** A caller waits for the count: a local count is better than a late response. */
const countMillis = 100;

/** Entry point of the security cube. */
await runCubeProgram('security-cube', async (program) => {
  const { config, basics, redis, secret, reloadSecrets } = program;
  const counters = connectConfiguredRedis(config, {
    commandMillis: countMillis,
    onError: () => undefined,
    // The cube's other connection reports it.
    onStranger: () => undefined,
  });
  const audit = openAudit(config.AUDIT_DATABASE_URL);
  const app = await buildSecurityCube({
    ...basics,
    secret,
    reloadSecrets,
    record: audit.record,
    limiter: createRateLimiter({ redis: counters, name: 'security' }),
    dependencies: {},
    // Validation needs neither; issuing needs the audit.
    optionalDependencies: { redis: () => redis.ping(), ...audit.dependency },
  });
  const close = async () => {
    counters.disconnect();
    await audit.close();
  };
  return { app, close };
});

/** The audit of issues; with an empty URL only the log has them. */
function openAudit(url: string) {
  if (url === '') return { record: async () => undefined, dependency: {}, close: async () => undefined };
  const cube = createPool(url, { applicationName: 'cubeshift security cube', max: 3, statementMillis: 5000 });
  return {
    record: (act: Parameters<typeof appendAudit>[1]) => appendAudit(cube, act),
    dependency: { audit: () => mayAppend(cube) },
    close: () => cube.end(),
  };
}
