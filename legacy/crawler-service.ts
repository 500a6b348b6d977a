import pg from 'pg';
import { connectionSettings } from './connection.js';
import { AllowedTargets } from './crawler-service/allowed-targets.js';
import { buildCrawlerService } from './crawler-service/app.js';

/** The monolith's crawler: LEGACY_DATABASE_URL, CRAWLER_ALLOWED_TARGETS (none: it fetches nothing), PORT (8014), HOST (127.0.0.1). */
const {
  LEGACY_DATABASE_URL: url,
  CRAWLER_ALLOWED_TARGETS: targets = '',
  PORT = '8014',
  HOST = '127.0.0.1',
} = process.env;
if (url === undefined) throw new Error('LEGACY_DATABASE_URL is not set.');

const pool = new pg.Pool({ ...connectionSettings(url, 'legacy crawler service'), max: 10 });
pool.on('error', (error) => process.stderr.write(`legacy crawler service: ${error.message}\n`));
const app = buildCrawlerService({ pool, targets: new AllowedTargets(targets) });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
process.stderr.write(`legacy crawler service: ${await app.listen({ host: HOST, port: Number(PORT) })}\n`);

/** What is being fetched has five seconds to be committed. */
async function stop(): Promise<void> {
  const late = setTimeout(() => process.exit(0), 5000);
  late.unref();
  app.server.closeIdleConnections();
  await app.close();
  await pool.end();
}
