import { Failure } from '../../../base/failures.js';
import type { ItemOutcome, UnfitItem } from '../../../domain/migration/items.js';
import { isFaster, type SpeedComparison } from '../../../domain/models/comparison/speed.js';
import { readMetrics } from '../../../domain/models/metrics.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmItem, type ItemClaim } from '../../../postgres/ledger/item-claims.js';
import { recordDetail } from '../../../postgres/ledger/item-details.js';
import { releaseBlobs } from '../../../storage/blob-records.js';
import type { StepContext } from '../../kind.js';
import { discardArtifact, stageArtifact } from '../artifact/stage-artifact.js';
import { readTestRows } from '../artifact/test-rows.js';
import { compareForms } from '../compare/compare-forms.js';
import { ModelCannotRun, RowsRefused } from '../compare/service-pair.js';
import { type ImportedVersion, importedVersion, notAccepted } from '../imported-version.js';
import { type LegacyModelRow, readLegacyRow } from '../legacy-row.js';
import { confirmedOnModel, goBack, makeActive } from './activate.js';
import { compareWithLegacy, keepComparison } from './compare.js';
import { deleteVersions, putVersion, storeArtifact } from './import.js';
import { discardStaged, ownerOf, stageContext, stagedBy, storedBy } from './item-context.js';
import { checksumProblem, tryOut } from './validate.js';

/**
 * Where the row names an int8 form: imports it, and makes it the one that predicts when it passes the same comparison and is faster than the
 * float form. Otherwise the float form stays, and the int8 form is kept as rejected with its numbers. It never makes its model a reject.
 */
export async function tryInt8(claim: ItemClaim, step: StepContext): Promise<ItemOutcome> {
  const row = await readLegacyRow(step.databases.legacy, claim.item.id);
  const float = await importedVersion(step.databases.cube, claim.item.id);
  const form = row && int8Of(row);
  if (row === undefined || float === undefined || form === undefined) {
    await undoInt8(claim, step);
    return { kind: 'done' };
  }
  const version = await importForm(claim, step, row, form);
  if ('kind' in version) {
    await atSide('cube', () => recordDetail(step.databases.cube, claim, `${version.reason}: ${version.detail}`));
    return { kind: 'done' };
  }
  // An earlier attempt ended after its commit: another measurement could find otherwise. Before a repeated step the float form is active.
  if (await isActive(step, version)) return { kind: 'done' };
  const comparison = await compareWithLegacy(version, step);
  if ('kind' in comparison) return { kind: 'done' };
  const speed = comparison.decision === 'activate' ? await speedOf(version, float, step) : undefined;
  const faster = speed !== undefined && isFaster(speed);
  const detail = speed === undefined ? comparison.detail : inWords(speed, faster);
  await keepComparison(step, claim, version, { ...comparison, detail });
  await confirmedOnModel(step.databases.cube, claim, async (client) => {
    if (faster) await makeActive(client, claim.item.id, version.id);
    // A person may have activated it since it passed its comparison.
    else
      await client.query("update ai.model_versions set state = 'rejected' where id = $1 and state <> 'active'", [
        version.id,
      ]);
    step.reach('before-int8-commit');
  });
  step.reach('after-int8-commit');
  return { kind: 'done' };
}

/** Takes int8 forms out that are not accepted yet, and brings back what was active before one of them. */
export async function undoInt8(claim: ItemClaim, step: StepContext): Promise<void> {
  const { cube } = step.databases;
  const int8 = await importedVersion(cube, claim.item.id, 'int8');
  if (int8 === undefined) return discardStaged(step.assets.store(), claim);
  await confirmedOnModel(cube, claim, (client) => goBack(client, claim.item.id, `(form = 'int8' and ${notAccepted})`));
  await atSide('cube', () =>
    releaseBlobs(
      cube,
      step.assets.store(),
      { owner: ownerOf(claim), stagedBy: stagedBy(claim), storedBy },
      async (client) => {
        await confirmItem(client, claim);
        return deleteVersions(client, claim.item.id, "version.form = 'int8'");
      },
    ),
  );
  await discardStaged(step.assets.store(), claim);
}

async function isActive({ databases: { cube } }: StepContext, { id, model_id }: ImportedVersion): Promise<boolean> {
  const found = await atSide('cube', () =>
    cube.query('select from ai.models where id = $1 and active_version_id = $2', [model_id, id]),
  );
  return found.rowCount === 1;
}

interface NamedForm {
  readonly artifact_path: string | null;
  readonly sha256: string | null;
}

/** `metrics.int8 {artifact_path, sha256}`. */
function int8Of({ metrics }: LegacyModelRow): NamedForm | undefined {
  const column: unknown = metrics === null ? null : JSON.parse(metrics);
  const named = isObject(column) ? column.int8 : undefined;
  if (!isObject(named)) return undefined;
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  return { artifact_path: text(named.artifact_path), sha256: text(named.sha256)?.toLowerCase() ?? null };
}

/** Or why the form cannot be used. */
async function importForm(
  claim: ItemClaim,
  step: StepContext,
  row: LegacyModelRow,
  { artifact_path, sha256 }: NamedForm,
): Promise<ImportedVersion | UnfitItem> {
  const context = stageContext(claim, step);
  await discardStaged(context.store, claim);
  const artifact = await stageArtifact(context, artifact_path);
  if ('kind' in artifact) return artifact;
  const problem = checksumProblem({ sha256 }, artifact) ?? (await tryOut(row, artifact, step));
  if (problem !== undefined) {
    await discardArtifact(artifact);
    return problem;
  }
  await storeArtifact(claim, step, artifact, (client) => putVersion(client, claim, row, artifact, 'int8'));
  const version = await importedVersion(step.databases.cube, claim.item.id, 'int8');
  if (version === undefined)
    throw new Failure('claim_lost', `The int8 form of the model ${row.id} was taken out meanwhile.`);
  return version;
}

/** Undefined where there is no test set, or a form does not compute it. */
async function speedOf(
  int8: ImportedVersion,
  float: ImportedVersion,
  step: StepContext,
): Promise<SpeedComparison | undefined> {
  const metrics = readMetrics(int8.metrics);
  const testSet = 'missing' in metrics ? metrics : await readTestRows(step.assets.modelFolder(), metrics);
  if ('missing' in testSet) return undefined;
  const measuring = compareForms({
    cubeUrl: await step.assets.aiCubeUrl(),
    name: int8.name,
    floatVersionId: float.id,
    int8VersionId: int8.id,
    token: () => step.assets.token('ai:call'),
    testSet,
    signal: step.signal,
    onProgress: () => step.reportProgress({ version: int8.id }),
  });
  return measuring.catch((error: unknown) => {
    if (error instanceof ModelCannotRun || error instanceof RowsRefused) return undefined;
    throw error;
  });
}

/** Of the mean quotient of times, for the detail of a comparison that was passed. */
function inWords({ ratio, bound, pairs }: SpeedComparison, faster: boolean): string {
  const figures = `${ratio.toFixed(2)} times as fast as the float form, above ${bound.toFixed(2)}, from ${pairs} pairs of requests`;
  return faster ? `It is ${figures}.` : `It is not faster than the float form, which stays: ${figures}.`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
