import type { RunReference } from '../../domain/migration/run-reference.js';
import { atSide } from '../../postgres/databases.js';
import type { EvidenceSection, StepContext } from '../kind.js';

/** How many contents the verification read, and how many files of legacy no row names: counts, no names. */
export async function fileEvidence(
  { migrationId }: RunReference,
  { databases }: StepContext,
): Promise<EvidenceSection> {
  const found = await atSide('cube', () =>
    databases.cube.query<EvidenceSection>(
      `with newest as (select max(id) as id from ledger.verifications where migration_id = $1)
       select (select json_build_object('read', count(*), 'bytes', coalesce(sum(size), 0), 'damaged', count(damage))
                 from storage.checks join storage.blobs using (sha256)
                where checks.verification_id >= (select id from newest)
                  and exists (select from paperwork.files where files.sha256 = checks.sha256)) as contents,
              (select count(*)::int from paperwork.files_without_rows
                where verification_id = (select id from newest)) as files_without_rows`,
      [migrationId],
    ),
  );
  return found.rows[0] ?? {};
}
