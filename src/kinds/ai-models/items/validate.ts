import type { ItemOutcome, UnfitItem } from '../../../domain/migration/items.js';
import { readInputSchema, schemaDifference } from '../../../domain/models/input-schema.js';
import { readMetrics } from '../../../domain/models/metrics.js';
import type { ItemClaim } from '../../../postgres/ledger/item-claims.js';
import { isSha256 } from '../../../storage/blob-store.js';
import { withWorkingFolder } from '../../../storage/working-folder.js';
import type { StepContext } from '../../kind.js';
import { discardArtifact, layOut, type StagedArtifact, stageArtifact } from '../artifact/stage-artifact.js';
import { readNamedRows } from '../artifact/test-rows.js';
import { type LegacyModelRow, readLegacyRow, unfitRow } from '../legacy-row.js';
import { fullBatchPrediction, smokePrediction, withModelProcess } from '../smoke-prediction.js';
import { discardStaged, stageContext, unfit } from './item-context.js';

/**
 * Whether the model can be moved: its row, its path, its sum, whether it loads, whether its inputs are those that the row declares, and
 * whether it predicts. Reads and stages alone; nothing stays.
 */
export async function validate(claim: ItemClaim, step: StepContext): Promise<ItemOutcome> {
  const row = await readLegacyRow(step.databases.legacy, claim.item.id);
  // Legacy deleted it: the verification finds the row here alone.
  if (row === undefined) return { kind: 'done' };
  const wrong = unfitRow(row);
  if (wrong !== undefined) return wrong;
  const context = stageContext(claim, step);
  await discardStaged(context.store, claim);
  const artifact = await stageArtifact(context, row.artifact_path);
  if ('kind' in artifact) return artifact;
  try {
    return checksumProblem(row, artifact) ?? (await tryOut(row, artifact, step)) ?? { kind: 'done' };
  } finally {
    await discardArtifact(artifact);
  }
}

/** Undefined where the bytes are those of the row. */
export function checksumProblem(
  { sha256 }: Pick<LegacyModelRow, 'sha256'>,
  { graph }: StagedArtifact,
): UnfitItem | undefined {
  if (sha256 === null) return unfit('checksum_mismatch', 'sha256 is NULL');
  if (!isSha256(sha256)) return unfit('checksum_mismatch', 'sha256 is no SHA-256');
  if (sha256 !== graph.blob.sha256) return unfit('checksum_mismatch', `the file has the SHA-256 ${graph.blob.sha256}`);
  return undefined;
}

/**
 * Why a staged model cannot be used: it does not load, takes other inputs than declared, or predicts nothing finite; each within what the
 * cube gives one model.
 */
export async function tryOut(
  row: LegacyModelRow,
  artifact: StagedArtifact,
  step: StepContext,
): Promise<UnfitItem | undefined> {
  const tested = await testedRows(row, step);
  return withWorkingFolder(async (folder) => {
    const file = await layOut(artifact, folder);
    step.reportProgress({ model: row.id });
    return withModelProcess(step.assets.modelLimits(), async (process) => {
      const loaded = await process.load('model', file);
      step.reportProgress({ model: row.id });
      if ('kind' in loaded) return unfit(reasonOfLoad[loaded.kind], loaded.message);
      step.reach('after-model-loaded');
      const declared = readInputSchema(parse(row.input_schema));
      if (declared === undefined) return unfit('schema_mismatch', 'input_schema is no list of {name, type, shape}');
      const difference = schemaDifference(declared, loaded.graph.inputs);
      if (difference !== undefined) return unfit('schema_mismatch', difference);
      const smoke =
        (await smokePrediction(process, 'model', loaded.graph, tested.first)) ??
        (await fullBatchPrediction(process, 'model', loaded, tested.longest));
      step.reportProgress({ model: row.id });
      return smoke === undefined ? undefined : unfit(smoke.reason, smoke.detail);
    });
  });
}

const reasonOfLoad = {
  artifact_unreadable: 'artifact_unreadable',
  operator_unsupported: 'operator_unsupported',
  memory_exceeded: 'memory_exceeded',
  // A graph that ends or holds up the process that loads it cannot be loaded.
  crashed: 'artifact_unreadable',
  timed_out: 'artifact_unreadable',
} as const;

interface TestedRows {
  readonly first?: unknown;
  readonly longest?: unknown;
}

/** Of the test set; none where there is none to be read: what that means is said by the comparison. */
async function testedRows(row: LegacyModelRow, step: StepContext): Promise<TestedRows> {
  const metrics = readMetrics(parse(row.metrics));
  if ('missing' in metrics) return {};
  const { first, longest } = await readNamedRows(step.assets.modelFolder(), metrics);
  return { first: first?.inputs, longest: longest?.inputs };
}

function parse(json: string | null): unknown {
  return json === null ? null : JSON.parse(json);
}
