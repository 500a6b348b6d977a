import { insertPaperwork } from '../../legacy/paperwork/insert-rows.js';
import { buildPaperworkService } from '../../legacy/paperwork-service/app.js';
import { createDatabases } from '../support/databases.js';
import { describePaperworkService, limitsOfContract, type PaperworkService } from '../support/paperwork-contract.js';
import { PaperworkTree } from '../support/paperwork-tree.js';

/** The stand-in's paperwork service, of which the paperwork cube answers every route alike. */
describePaperworkService(startLegacy);

async function startLegacy(): Promise<PaperworkService> {
  const { legacy, drop } = await createDatabases(0);
  const tree = await PaperworkTree.create({ files: 200, seed: 7, special: 'all' });
  await legacy.query('truncate paperwork_files, paperwork_results');
  await insertPaperwork(legacy, tree.paperwork);
  const folder = { path: tree.files, variable: 'LEGACY_STORAGE_DIR' };
  const app = buildPaperworkService({ pool: legacy, folder, limits: limitsOfContract });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    headers: {},
    legacy,
    tree,
    close: async () => {
      await app.close();
      await drop();
      tree.remove();
    },
  };
}
