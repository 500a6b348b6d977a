import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { layOutModels } from '../../legacy/ai-models/lay-out.js';
import { type AiModelRow, type LegacyModel, legacyModels, modelFiles } from '../../legacy/ai-models/manifest.js';

/** What must come of each model, as a committed list says that `src` does not compute. */
export interface ExpectedModel {
  /** `active`, or the reason for which it is rejected. */
  readonly outcome: string;
  /** Once legacy has a larger test set. */
  readonly after?: { readonly outcome: string };
}

export const expectedModels: Readonly<Record<string, ExpectedModel>> = JSON.parse(
  readFileSync(join(modelFiles(), 'expected.json'), 'utf8'),
);

/** Legacy's models laid out in a folder of a test's own, and an empty store. */
export class ModelFolders {
  private constructor(
    readonly root: string,
    readonly models: string,
    readonly store: string,
  ) {}

  static create(): ModelFolders {
    const root = mkdtempSync(join(tmpdir(), 'cubeshift-models-'));
    return new ModelFolders(root, layOutModels(root), join(root, 'store'));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Puts rows into legacy's `ai_models` in place of those that are there. */
export async function fillModels(legacy: pg.Pool, models: readonly LegacyModel[] = legacyModels()): Promise<void> {
  await legacy.query('truncate ai_models');
  for (const { row } of models) await insertModel(legacy, row);
}

export async function insertModel(legacy: pg.Pool, row: AiModelRow): Promise<void> {
  const { id, name, version, framework, artifact_path, sha256, input_schema, metrics, created_at } = row;
  await legacy.query(
    `insert into ai_models (id, name, version, framework, artifact_path, sha256, input_schema, metrics, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      id,
      name,
      version,
      framework,
      artifact_path,
      sha256,
      JSON.stringify(input_schema),
      metrics === null ? null : JSON.stringify(metrics),
      created_at,
    ],
  );
}

/** The manifest's model of this name, as it is or changed. */
export function modelNamed(name: string, changed: Partial<AiModelRow> = {}): LegacyModel {
  const model = legacyModels().find(({ row }) => row.name === name);
  if (model === undefined) throw new Error(`${name} is not in the manifest.`);
  return { ...model, row: { ...model.row, ...changed } };
}
