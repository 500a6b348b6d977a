import type pg from 'pg';
import { atSide } from '../../postgres/databases.js';

/** The form in which legacy's row names the model, and the one that computes with integers of eight bits. */
export type VersionForm = 'float' | 'int8';

/** The version of a model that a run imported last, in one of its forms. */
export interface ImportedVersion {
  readonly id: string;
  readonly model_id: number;
  readonly name: string;
  readonly version: string | null;
  readonly form: VersionForm;
  readonly sha256: string;
  readonly metrics: unknown;
}

/** SQL of a version that a run imported and that no completed run has handed over: a rollback removes it. */
export const notAccepted = `(imported_by is not null
  and not exists (select from ledger.migrations where migrations.id = imported_by and status = 'completed'))`;

/** Undefined where none was imported, or the model has left the cube. */
export async function importedVersion(
  cube: pg.Pool,
  modelId: string,
  form: VersionForm = 'float',
): Promise<ImportedVersion | undefined> {
  const found = await atSide('cube', () =>
    cube.query<ImportedVersion>(
      `select version.id::text, model_id, name, version, form, sha256, metrics
         from ai.model_versions as version join ai.models on models.id = model_id
        where model_id = $1 and form = $2 order by version.id desc limit 1`,
      [modelId, form],
    ),
  );
  return found.rows[0];
}
