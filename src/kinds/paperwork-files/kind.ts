import { filePathProblem } from '../../domain/paperwork/file-path.js';
import { checkContents } from '../contents/check-contents.js';
import { checkFolder } from '../contents/check-folder.js';
import type { Kind, StepContext } from '../kind.js';
import type { RowTables } from '../rows/row-mapping.js';
import { createRowsKind } from '../rows/rows-kind.js';
import { fileEvidence } from './evidence.js';
import { filesMapping } from './files-mapping.js';
import { recordFilesWithoutRows } from './files-without-rows.js';
import { resultsMapping } from './results-mapping.js';

const tables: RowTables = [filesMapping, resultsMapping];
const rows = createRowsKind(tables);
const roundMillis = 20_000;

/** Before rows are rejected, or taken out of the cube, for files that are not there. */
function checkFileFolder(step: StepContext): Promise<void> {
  const { source } = filesMapping;
  return checkFolder(step.assets.storageFolder(), { source, column: 'path', problemOf: filePathProblem }, step);
}

/** Plan `rows`, cube `paperwork-cube`, schema `paperwork`: paperwork_files and paperwork_results of the monolith, and the files they name. */
export const paperworkFiles: Kind = {
  ...rows,

  copy: async (lane, step) => {
    await checkFileFolder(step);
    return rows.copy(lane, step);
  },

  pass: async (run, options, step) => {
    await checkFileFolder(step);
    return rows.pass(run, options, step);
  },

  repair: async (run, options, step) => {
    await checkFileFolder(step);
    return rows.repair(run, options, step);
  },

  // The rows' comparison reads what this finds as a field of its row.
  verify: async (run, verificationId, step) => {
    const end = performance.now() + roundMillis;
    const isOver = () => step.signal.aborted || performance.now() >= end;
    if (!(await checkContents('paperwork-files', verificationId, step, isOver)))
      return { kind: step.signal.aborted ? 'stopped' : 'round_over' };
    const round = await rows.verify(run, verificationId, step);
    if (round.kind === 'concluded') await recordFilesWithoutRows(run.migrationId, verificationId, step);
    return round;
  },

  evidence: async (run, step) => ({ ...(await rows.evidence(run, step)), ...(await fileEvidence(run, step)) }),
};
