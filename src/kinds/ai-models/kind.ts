import { artifactPathProblem } from '../../domain/models/artifact-path.js';
import { atSide } from '../../postgres/databases.js';
import { checkFolder } from '../contents/check-folder.js';
import type { Kind, KindItems, StepContext } from '../kind.js';
import { checkGrants } from '../rows/preflight/grants.js';
import { rejectRows } from '../rows/repair/reject-rows.js';
import type { RowTables } from '../rows/row-mapping.js';
import { createRowsKind } from '../rows/rows-kind.js';
import { modelEvidence } from './evidence.js';
import { activateModel, undoActivate } from './items/activate.js';
import { compareModel } from './items/compare.js';
import { importModel, undoImport } from './items/import.js';
import { tryInt8, undoInt8 } from './items/int8.js';
import { discardStaged } from './items/item-context.js';
import { validate } from './items/validate.js';
import { aiModelsMapping } from './mapping.js';
import { checkArtifacts } from './verify/check-artifacts.js';

const tables: RowTables = [aiModelsMapping];
const rows = createRowsKind(tables);

/** Before models are rejected for files that are not there. */
function checkModelFolder(step: StepContext): Promise<void> {
  const { source } = aiModelsMapping;
  const column = 'artifact_path';
  return checkFolder(step.assets.modelFolder(), { source, column, problemOf: artifactPathProblem }, step);
}

/** What is done to each model once its row is in the cube, and how each step is undone. */
const items: KindItems = {
  list: async (_run, after, max, step) => {
    await checkModelFolder(step);
    const { databases } = step;
    const found = await atSide('cube', () =>
      databases.cube.query<{ id: string }>(
        'select id::text from ai.models as row where ($1::bigint is null or id > $1) order by row.id limit $2',
        [after, max],
      ),
    );
    return found.rows.map(({ id }) => ({ table: 'ai_models', id }));
  },

  do: (claim, step) => {
    switch (claim.step) {
      case 'validate':
        return validate(claim, step);
      case 'import':
        return importModel(claim, step);
      case 'compare':
        return compareModel(claim, step);
      case 'activate':
        return activateModel(claim, step);
      default:
        return tryInt8(claim, step);
    }
  },

  undo: async (claim, step) => {
    switch (claim.step) {
      case 'validate':
        return discardStaged(step.assets.store(), claim);
      case 'import':
        return undoImport(claim, step);
      case 'compare':
        // The comparison leaves with its version; that it was made stays in the list.
        return;
      case 'activate':
        return undoActivate(claim, step);
      default:
        return undoInt8(claim, step);
    }
  },

  reject: (run, rejected, step) => rejectRows(tables, run, rejected, step),
};

/** Plan `items`, cube `ai-cube`, schema `ai`: ai_models of the monolith become ai.models, and their files versions of these. */
export const aiModels: Kind = {
  ...rows,
  items,

  // Without the files no model can be moved: said before a row is.
  copy: async (lane, step) => {
    await checkModelFolder(step);
    return rows.copy(lane, step);
  },

  // The rows' comparison reads what this finds as fields of their models.
  verify: async (run, verificationId, step) =>
    (await checkArtifacts(verificationId, step))
      ? rows.verify(run, verificationId, step)
      : { kind: step.signal.aborted ? 'stopped' : 'round_over' },

  evidence: async (run, step) => ({ ...(await rows.evidence(run, step)), ...(await modelEvidence(run, step)) }),

  // Users do not write models.
  checkServing: (client, who) => checkGrants(client, 'legacy', aiModelsMapping.source, ['select'], who),
};
