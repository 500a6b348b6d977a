import { inParallel } from '../../base/in-parallel.js';
import type { MigrationKind } from '../../domain/catalog.js';
import { atSide } from '../../postgres/databases.js';
import type { Sha256 } from '../../storage/blob-store.js';
import { referencesOf } from '../../storage/content-references.js';
import type { StepContext } from '../kind.js';

const atOnce = 256;
const readAtOnce = 8;

/**
 * Reads every byte of every content that rows of a kind refer to out of the store, and puts what is found on record, where the comparison of
 * rows reads it as a field of its row. False when `isOver` before the last was read.
 */
export async function checkContents(
  kind: MigrationKind,
  verificationId: string,
  step: StepContext,
  isOver: () => boolean,
): Promise<boolean> {
  const { cube } = step.databases;
  for (let after = ''; ; ) {
    const page = await atSide('cube', () =>
      cube.query<{ sha256: Sha256 }>(
        `select distinct sha256 from (${referencesOf(kind)}) as named
          where sha256 > $2 and not exists (
            select from storage.checks where checks.sha256 = named.sha256 and verification_id >= $1)
          order by sha256 limit $3`,
        [verificationId, after, atOnce],
      ),
    );
    const last = page.rows.at(-1);
    if (last === undefined) return true;
    const checked = await inParallel(page.rows, readAtOnce, ({ sha256 }) => checkOne(sha256, step, isOver));
    await recordChecks(
      step,
      verificationId,
      checked.flatMap((one) => one ?? []),
    );
    if (checked.includes(undefined)) return false;
    after = last.sha256;
  }
}

interface Check {
  readonly sha256: Sha256;
  readonly damage: string | null;
}

/** Undefined for one that was not looked at any more. */
async function checkOne(sha256: Sha256, step: StepContext, isOver: () => boolean): Promise<Check | undefined> {
  if (isOver()) return undefined;
  const damage = await step.assets.store().check(sha256, () => {
    step.signal.throwIfAborted();
    step.reportProgress({ content: sha256 });
  });
  return { sha256, damage };
}

/**
 * A verification that has ended meanwhile has its verdict: what a late attempt found is not put on record. Another kind may have read the
 * content in a later verification of its own.
 */
async function recordChecks(
  { databases }: StepContext,
  verificationId: string,
  checks: readonly Check[],
): Promise<void> {
  await atSide('cube', () =>
    databases.cube.query(
      `insert into storage.checks (sha256, verification_id, damage)
       select found.sha256, verifications.id, found.damage
         from ledger.verifications cross join unnest($2::text[], $3::text[]) as found (sha256, damage)
        where id = $1 and status = 'running'
       on conflict (sha256) do update set damage = excluded.damage, checked_at = now(),
         verification_id = greatest(checks.verification_id, excluded.verification_id)`,
      [verificationId, checks.map(({ sha256 }) => sha256), checks.map(({ damage }) => damage)],
    ),
  );
}

/** SQL of the newest verification of a kind, for a field that reads what it found: what an earlier one found says nothing of now. */
export function newestVerificationOf(kind: MigrationKind): string {
  return `(select max(verifications.id) from ledger.verifications
    join ledger.migrations on migrations.id = migration_id where kind = '${kind}')`;
}
