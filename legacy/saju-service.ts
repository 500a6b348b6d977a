import pg from 'pg';
import { connectionSettings } from './connection.js';
import { buildSajuService } from './saju-service/app.js';
import { Faults, faultsFromEnvironment } from './saju-service/faults.js';

/** The monolith's saju service: LEGACY_DATABASE_URL, PORT (8011), HOST (127.0.0.1), and the faults to plant. */
const { LEGACY_DATABASE_URL: url, PORT = '8011', HOST = '127.0.0.1' } = process.env;
if (url === undefined) throw new Error('LEGACY_DATABASE_URL is not set.');

const pool = new pg.Pool({ ...connectionSettings(url, 'legacy saju service'), max: 10 });
pool.on('error', (error) => process.stderr.write(`legacy saju service: ${error.message}\n`));
const app = buildSajuService(pool, new Faults(faultsFromEnvironment(process.env)));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
process.stderr.write(`legacy saju service: ${await app.listen({ host: HOST, port: Number(PORT) })}\n`);

/** Answers the requests that it has received; a planted hang does not keep the program alive. */
async function stop(): Promise<void> {
  const late = setTimeout(() => process.exit(0), 5000);
  late.unref();
  app.server.closeIdleConnections();
  await app.close();
  await pool.end();
}
