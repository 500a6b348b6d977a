import type pg from 'pg';
import { Failure } from '../../../base/failures.js';
import type { ItemOutcome, UnfitItem } from '../../../domain/migration/items.js';
import type { Comparison } from '../../../domain/models/comparison/comparison.js';
import { readMetrics } from '../../../domain/models/metrics.js';
import { inTransaction } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmItem, type ItemClaim } from '../../../postgres/ledger/item-claims.js';
import type { StepContext } from '../../kind.js';
import { readTestRows } from '../artifact/test-rows.js';
import { compareVersions } from '../compare/compare-versions.js';
import { ModelCannotRun } from '../compare/service-pair.js';
import { type ImportedVersion, importedVersion } from '../imported-version.js';
import { unfit } from './item-context.js';

/** Rejects a model whose version does not answer as well as legacy does. */
export async function compareModel(claim: ItemClaim, step: StepContext): Promise<ItemOutcome> {
  const version = await importedVersion(step.databases.cube, claim.item.id);
  if (version === undefined) return { kind: 'done' };
  const comparison = await compareWithLegacy(version, step);
  if ('kind' in comparison) return comparison;
  await keepComparison(step, claim, version, comparison);
  return comparison.decision === 'activate' ? { kind: 'done' } : unfit(comparison.decision, inWords(comparison));
}

/** Has legacy and the version predict the same held-out rows over HTTP; or why there are none, or the cube cannot run the version. */
export async function compareWithLegacy(version: ImportedVersion, step: StepContext): Promise<Comparison | UnfitItem> {
  const metrics = readMetrics(version.metrics);
  if ('missing' in metrics) return unfit('evidence_missing', metrics.missing);
  const testSet = await readTestRows(step.assets.modelFolder(), metrics);
  if ('missing' in testSet) return unfit('evidence_missing', testSet.missing);
  const comparing = compareVersions({
    legacyUrl: step.assets.legacyAiUrl(),
    cubeUrl: await step.assets.aiCubeUrl(),
    name: version.name,
    versionId: version.id,
    token: () => step.assets.token('ai:call'),
    testSet,
    metrics,
    signal: step.signal,
    onProgress: () => step.reportProgress({ version: version.id }),
  });
  return comparing.catch((error: unknown) => {
    if (!(error instanceof ModelCannotRun)) throw error;
    return unfit(reasonOfRun[error.reason], error.message);
  });
}

const reasonOfRun = {
  memory_exceeded: 'memory_exceeded',
  operator_unsupported: 'operator_unsupported',
  artifact_unreadable: 'artifact_unreadable',
  // It loads, and gives no answer: there is nothing to compare.
  crashed: 'evidence_missing',
  timed_out: 'evidence_missing',
} as const;

/** With the version, and in the list of all, from which the report has them. */
export async function keepComparison(
  { databases, reach }: StepContext,
  claim: ItemClaim,
  version: ImportedVersion,
  comparison: Comparison,
): Promise<void> {
  await atSide('cube', () =>
    inTransaction(databases.cube, async (client) => {
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      await confirmItem(client, claim);
      await recordComparison(client, claim.migrationId, version, comparison);
      reach('before-comparison-commit');
    }),
  );
  reach('after-comparison-commit');
}

async function recordComparison(
  client: pg.ClientBase,
  migrationId: string,
  { id, model_id, version, form, sha256 }: ImportedVersion,
  comparison: Comparison,
): Promise<void> {
  const json = JSON.stringify(comparison);
  const kept = await client.query('update ai.model_versions set comparison = $2 where id = $1', [id, json]);
  if (kept.rowCount !== 1)
    throw new Failure('claim_lost', `Version ${id} of the model ${model_id} was taken out while it was compared.`);
  await client.query(
    `insert into ai.comparisons (migration_id, model_id, version_id, version, form, sha256, test_sha256, comparison)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [migrationId, model_id, id, version, form, sha256, comparison.test_sha256, json],
  );
}

/** The numbers of a comparison that was not passed, for the detail of a reject. */
function inWords(comparison: Comparison): string {
  const { n, b, c, difference, bound, limit, agreement, rows_needed, detail, legacy, cube } = comparison;
  const parts = [
    detail,
    `n ${n}`,
    b === null ? null : `b ${b}, c ${c}`,
    difference === null ? null : `difference ${rounded(difference)}`,
    bound === null ? null : `bound ${rounded(bound)}, limit ${limit}`,
    agreement === null ? null : `agreement ${rounded(agreement)}`,
    rows_needed === null ? null : `${rows_needed} rows would do`,
    legacy.accuracy === null
      ? null
      : `accuracy ${rounded(legacy.accuracy)} at legacy, ${rounded(cube.accuracy ?? 0)} in the cube`,
    legacy.mean_absolute_error === null
      ? null
      : `mean absolute error ${rounded(legacy.mean_absolute_error)} at legacy, ${rounded(cube.mean_absolute_error ?? 0)} in the cube`,
  ];
  return parts.filter((part) => part !== null).join('; ');
}

function rounded(value: number): string {
  return String(Math.round(value * 1e5) / 1e5);
}
