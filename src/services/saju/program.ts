import type { BuiltCube, CubeProgram } from '../../http/cube-program.js';
import { createPool } from '../../postgres/connect.js';
import { buildSajuCube } from './app.js';
import { legacySajuRecords, type OwnerSajuRecords } from './record-store.js';

/**
 * Builds the saju cube in its process. `recordsFrom` may wrap the owner's records; by default it does not.
 */
export async function buildSajuProgram(
  { config, basics }: CubeProgram<'saju-cube'>,
  recordsFrom: (records: OwnerSajuRecords) => OwnerSajuRecords = (records) => records,
): Promise<BuiltCube> {
  // A client waits at most thirty seconds; reading a record takes a millisecond.
  const pool = { applicationName: 'cubeshift saju cube', max: 10, statementMillis: 10_000 };
  // Users' writes run the triggers of the monolith's table, as the monolith's own writes do.
  const legacy = createPool(config.SAJU_CUBE_LEGACY_URL, { ...pool, runsForeignCode: true });
  const cube = createPool(config.CUBE_DATABASE_URL, { ...pool, max: 1 });
  const app = await buildSajuCube({
    ...basics,
    dependencies: { legacy_database: () => legacy.query('select from public.saju_records limit 0') },
    // Until a cutover users see nothing of this database.
    optionalDependencies: { cube_database: () => cube.query('select 1') },
    records: recordsFrom(legacySajuRecords(legacy)),
  });
  const close = async () => {
    await Promise.all([legacy.end(), cube.end()]);
  };
  return { app, close };
}
