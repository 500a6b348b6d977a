import { join } from 'node:path';
import { insertPaperwork } from '../../legacy/paperwork/insert-rows.js';
import { buildPaperworkService } from '../../legacy/paperwork-service/app.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { createDatabases } from '../support/databases.js';
import { DocumentsWorker } from '../support/documents-worker.js';
import { describePaperworkService, limitsOfContract, type PaperworkService } from '../support/paperwork-contract.js';
import { paperworkToken, startPaperworkCubeHere } from '../support/paperwork-cube-here.js';
import { PaperworkTree } from '../support/paperwork-tree.js';

/** The paperwork cube answers as the stand-in's paperwork service does, on all special files. */
describePaperworkService(startCube);

async function startCube(): Promise<PaperworkService> {
  const { legacy, legacyUrl, cubeUrl, drop } = await createDatabases(0);
  await upgradeLedger(cubeUrl);
  const tree = await PaperworkTree.create({ files: 200, seed: 7, special: 'all' });
  await legacy.query('truncate paperwork_files, paperwork_results');
  await insertPaperwork(legacy, tree.paperwork);
  const folder = { path: tree.files, variable: 'LEGACY_STORAGE_DIR' };
  const service = buildPaperworkService({ pool: legacy, folder });
  const serviceUrl = await service.listen({ host: '127.0.0.1', port: 0 });
  const places = { legacyUrl, cubeUrl, serviceUrl, folder: tree.files, storeFolder: join(tree.root, 'store') };
  const { url, close } = await startPaperworkCubeHere({
    ...places,
    store: createFolderStore(places.storeFolder),
    limits: limitsOfContract,
  });
  const worker = await DocumentsWorker.start(places);
  return {
    url,
    headers: { 'x-cube-token': paperworkToken() },
    legacy,
    tree,
    close: async () => {
      await worker.end();
      await close();
      await service.close();
      await drop();
      tree.remove();
    },
  };
}
