import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { legacyModels } from './ai-models/manifest.js';
import { buildAiService } from './ai-service/app.js';
import { LoadedModels, type ModelRow } from './ai-service/loaded-models.js';
import { connectionSettings } from './connection.js';

/** The monolith's AI service: LEGACY_DATABASE_URL, LEGACY_MODEL_DIR, PORT (8012), HOST (127.0.0.1). */
const { LEGACY_DATABASE_URL: url, LEGACY_MODEL_DIR: folder, PORT = '8012', HOST = '127.0.0.1' } = process.env;
if (url === undefined) throw new Error('LEGACY_DATABASE_URL is not set.');
if (folder === undefined) throw new Error('LEGACY_MODEL_DIR is not set.');

const pool = new pg.Pool({ ...connectionSettings(url, 'legacy ai service'), max: 10 });
pool.on('error', (error) => process.stderr.write(`legacy ai service: ${error.message}\n`));
const models = new LoadedModels({ folder, loadedBefore: (row) => loadedBefore(folder, row) });
const app = buildAiService(pool, models);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
process.stderr.write(`legacy ai service: ${await app.listen({ host: HOST, port: Number(PORT) })}\n`);

/** Some files were replaced after the monolith had loaded them: those that it loaded are kept next to the folder. */
function loadedBefore(models: string, row: ModelRow) {
  const known = legacyModels().find((model) => model.row.name === row.name && model.row.sha256 === row.sha256);
  if (known?.loaded === undefined) return undefined;
  const file = join(dirname(models), known.loaded.path);
  return existsSync(file) ? { file, version: known.loaded.version } : undefined;
}

async function stop(): Promise<void> {
  const late = setTimeout(() => process.exit(0), 5000);
  late.unref();
  app.server.closeIdleConnections();
  await app.close();
  await models.close();
  await pool.end();
}
