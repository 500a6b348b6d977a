import type pg from 'pg';
import type { UnfitItem } from '../../domain/migration/items.js';
import { artifactPathProblem } from '../../domain/models/artifact-path.js';
import type { LegacyModel } from '../../domain/models/legacy-model.js';
import { atSide } from '../../postgres/databases.js';

/** A model as legacy's row has it now; JSON as text, so that nothing of it is changed. */
export interface LegacyModelRow extends Omit<LegacyModel, 'created_at'> {
  /** Whether `created_at` is NULL or lies within the years 1 to 9999. */
  readonly has_carried_time: boolean;
}

/** Undefined for a model that legacy no longer has. */
export async function readLegacyRow(legacy: pg.Pool, id: string): Promise<LegacyModelRow | undefined> {
  const found = await atSide('legacy', () =>
    legacy.query<LegacyModelRow>(
      `select id, name, version, framework, artifact_path, lower(sha256) as sha256, input_schema::text, metrics::text,
              created_at is null or (created_at >= '0001-01-01 00:00:00+00' and created_at < '10000-01-01 00:00:00+00') as has_carried_time
         from public.ai_models where id = $1`,
      [id],
    ),
  );
  return found.rows[0];
}

/** The reasons that the row alone shows. */
export function unfitRow({
  framework,
  artifact_path,
}: Pick<LegacyModelRow, 'framework' | 'artifact_path'>): UnfitItem | undefined {
  if (framework !== 'onnx')
    return { kind: 'unfit', reason: 'framework_unsupported', detail: `the framework is ${JSON.stringify(framework)}` };
  const problem = artifactPathProblem(artifact_path);
  return problem === undefined
    ? undefined
    : { kind: 'unfit', reason: 'path_outside', detail: `the artifact: ${problem}` };
}
