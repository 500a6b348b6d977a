import pg from 'pg';
import { uploadLimitsOf } from '../src/domain/paperwork/upload.js';
import { connectionSettings } from './connection.js';
import { buildPaperworkService } from './paperwork-service/app.js';

/** The monolith's paperwork service: LEGACY_DATABASE_URL, LEGACY_STORAGE_DIR, PAPERWORK_FILE_MIB, PORT (8013), HOST (127.0.0.1). */
const {
  LEGACY_DATABASE_URL: url,
  LEGACY_STORAGE_DIR: path,
  PAPERWORK_FILE_MIB: fileMebibytes = '4096',
  PORT = '8013',
  HOST = '127.0.0.1',
} = process.env;
if (url === undefined) throw new Error('LEGACY_DATABASE_URL is not set.');
if (path === undefined) throw new Error('LEGACY_STORAGE_DIR is not set.');

const pool = new pg.Pool({ ...connectionSettings(url, 'legacy paperwork service'), max: 10 });
pool.on('error', (error) => process.stderr.write(`legacy paperwork service: ${error.message}\n`));
const app = buildPaperworkService({
  pool,
  folder: { path, variable: 'LEGACY_STORAGE_DIR' },
  limits: uploadLimitsOf(Number(fileMebibytes)),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
process.stderr.write(`legacy paperwork service: ${await app.listen({ host: HOST, port: Number(PORT) })}\n`);

async function stop(): Promise<void> {
  const late = setTimeout(() => process.exit(0), 5000);
  late.unref();
  app.server.closeIdleConnections();
  await app.close();
  await pool.end();
}
