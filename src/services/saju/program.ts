import type { BuiltCube, CubeProgram } from '../../http/cube-program.js';
import { createPool } from '../../postgres/connect.js';
import { buildSajuCube } from './app.js';
import { legacySajuRecords, type OwnerSajuRecords } from './record-store.js';

/**
 * The saju cube's own part of its process. `recordsFrom` may put something between the cube and the owner's records; by
 * default nothing stands there.
 */
export async function buildSajuProgram(
  { config, basics }: CubeProgram<'saju-cube'>,
  recordsFrom: (records: OwnerSajuRecords) => OwnerSajuRecords = (records) => records,
): Promise<BuiltCube> {
  // A client waits thirty seconds at the most; a record is read in a millisecond.
  const pool = { applicationName: 'cubeshift saju cube', max: 10, statementMillis: 10_000 };
  // Users' writes set off the triggers of the monolith's table, as the monolith's own do.
  const legacy = createPool(config.SAJU_CUBE_LEGACY_URL, { ...pool, runsForeignCode: true });
  const cube = createPool(config.CUBE_DATABASE_URL, { ...pool, max: 1 });
  const app = await buildSajuCube({
    ...basics,
    dependencies: { legacy_database: () => legacy.query('select from public.saju_records limit 0') },
    // Until a cutover nothing that users see stands there.
    optionalDependencies: { cube_database: () => cube.query('select 1') },
    records: recordsFrom(legacySajuRecords(legacy)),
  });
  const close = async () => {
    await Promise.all([legacy.end(), cube.end()]);
  };
  return { app, close };
}
