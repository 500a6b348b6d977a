import type { RunReference } from '../../domain/migration/run-reference.js';
import { atSide } from '../../postgres/databases.js';
import { referencesOf } from '../../storage/content-references.js';
import type { EvidenceSection, StepContext } from '../kind.js';

/**
 * Every comparison that the run made, with its numbers, what is active of each model, and which int8 forms could not be imported: names,
 * sums and counts, no test rows.
 */
export async function modelEvidence(
  { migrationId }: RunReference,
  { databases }: StepContext,
): Promise<EvidenceSection> {
  const found = await atSide('cube', () =>
    databases.cube.query<EvidenceSection>(
      `select (select coalesce(json_agg(json_build_object('model_id', model_id, 'version_id', version_id, 'version', version, 'form', form,
                        'sha256', sha256, 'comparison', comparison) order by id), '[]')
                 from ai.comparisons where migration_id = $1) as comparisons,
              (select coalesce(json_agg(json_build_object('id', models.id, 'name', name, 'version_id', version.id, 'version', version.version,
                        'form', version.form, 'sha256', version.sha256, 'source_sha256', version.source_sha256) order by models.id), '[]')
                 from ai.models left join ai.model_versions as version on version.id = active_version_id) as active,
              (select coalesce(json_agg(json_build_object('model_id', item_id, 'form', step, 'why', detail) order by item_id), '[]')
                 from ledger.items where kind = 'ai-models' and step = 'int8' and migration_id = $1 and detail is not null) as forms_not_imported,
              (select json_build_object('read', count(*), 'damaged', count(damage)) from storage.checks
                where sha256 in (${referencesOf('ai-models')})) as contents,
              (select json_build_object('predicted', count(*), 'failed', count(failure)) from ai.smoke_predictions
                where version_id in (select active_version_id from ai.models)) as smoke_predictions`,
      [migrationId],
    ),
  );
  return found.rows[0] ?? {};
}
