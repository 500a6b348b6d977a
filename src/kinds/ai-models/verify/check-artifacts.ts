import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readMetrics } from '../../../domain/models/metrics.js';
import type { ModelProcess } from '../../../models/model-process.js';
import { atSide } from '../../../postgres/databases.js';
import { BlobDamaged, BlobMissing, type Sha256 } from '../../../storage/blob-store.js';
import { checkOut } from '../../../storage/check-out.js';
import { withWorkingFolder } from '../../../storage/working-folder.js';
import { checkContents } from '../../contents/check-contents.js';
import type { StepContext } from '../../kind.js';
import { readNamedRows } from '../artifact/test-rows.js';
import { smokePrediction, withModelProcess } from '../smoke-prediction.js';

/** Of a process through which many models go. */
const limits = { maxResidentBytes: 2 * 1024 ** 3, loadMillis: 60_000, runMillis: 30_000 };
const roundMillis = 20_000;
const atOnce = 100;

/**
 * Reads every byte of every content that a version refers to, and has every active version predict out of the store. What is found goes on
 * record, where the comparison of rows reads it as a field of its model. False when the round is over, or the step was stopped.
 */
export async function checkArtifacts(verificationId: string, step: StepContext): Promise<boolean> {
  const end = performance.now() + roundMillis;
  const isOver = () => step.signal.aborted || performance.now() >= end;
  return (
    (await checkContents('ai-models', verificationId, step, isOver)) && (await predictAll(verificationId, step, isOver))
  );
}

interface ActiveVersion {
  readonly id: string;
  readonly sha256: Sha256;
  readonly files: Readonly<Record<string, Sha256>> | null;
  readonly metrics: unknown;
}

async function predictAll(verificationId: string, step: StepContext, isOver: () => boolean): Promise<boolean> {
  const { cube } = step.databases;
  for (;;) {
    const page = await atSide('cube', () =>
      cube.query<ActiveVersion>(
        `select id::text, sha256, files, metrics from ai.model_versions as version
          where state = 'active'
            and not exists (select from ai.smoke_predictions where version_id = version.id and verification_id = $1)
          order by version.id limit $2`,
        [verificationId, atOnce],
      ),
    );
    if (page.rows.length === 0) return true;
    if (isOver()) return false;
    const finished = await withWorkingFolder((folder) => predictPage(page.rows, folder, verificationId, step, isOver));
    if (!finished) return false;
  }
}

/** One process for many models, and another one when a model has ended it. */
async function predictPage(
  versions: readonly ActiveVersion[],
  folder: string,
  verificationId: string,
  step: StepContext,
  isOver: () => boolean,
): Promise<boolean> {
  const left = [...versions];
  while (left.length > 0) {
    const outcome = await withModelProcess(limits, async (process) => {
      for (let version = left[0]; version !== undefined; version = left[0]) {
        if (isOver()) return 'over';
        const place = join(folder, version.id);
        await mkdir(place);
        const failure = await predictFromStore(process, version, place, step);
        await rm(place, { recursive: true });
        await recordPrediction(step, verificationId, version.id, failure);
        step.reportProgress({ version: version.id });
        left.shift();
        if (failure !== null) return 'again';
      }
      return 'done';
    });
    if (outcome === 'over') return false;
  }
  return true;
}

async function predictFromStore(
  process: ModelProcess,
  { id, sha256, files, metrics }: ActiveVersion,
  folder: string,
  step: StepContext,
): Promise<string | null> {
  try {
    const file = await checkOut(step.assets.store(), { sha256, files: files ?? {} }, folder, () =>
      step.reportProgress({ version: id }),
    );
    const loaded = await process.load(id, file);
    if ('kind' in loaded) return loaded.message;
    const smoke = await smokePrediction(process, id, loaded.graph, await firstTestRow(metrics, step));
    await process.release(id);
    return smoke?.detail ?? null;
  } catch (error) {
    if (error instanceof BlobDamaged || error instanceof BlobMissing) return 'a file of it is not whole in the store';
    throw error;
  }
}

async function firstTestRow(column: unknown, { assets }: StepContext): Promise<unknown> {
  const metrics = readMetrics(column);
  if ('missing' in metrics) return undefined;
  return (await readNamedRows(assets.modelFolder(), metrics)).first?.inputs;
}

async function recordPrediction(
  { databases }: StepContext,
  verificationId: string,
  versionId: string,
  failure: string | null,
): Promise<void> {
  await atSide('cube', () =>
    databases.cube.query(
      `insert into ai.smoke_predictions (version_id, verification_id, failure)
       select $2, id, $3 from ledger.verifications where id = $1 and status = 'running'
       on conflict (version_id) do update set verification_id = excluded.verification_id, failure = excluded.failure, predicted_at = now()`,
      [verificationId, versionId, failure],
    ),
  );
}
