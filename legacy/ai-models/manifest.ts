import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A row of legacy's table `ai_models`; `created_at` as PostgreSQL reads it, `infinity` among them. */
export interface AiModelRow {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  readonly framework: string | null;
  readonly artifact_path: string;
  readonly sha256: string | null;
  readonly input_schema: readonly InputSchema[];
  readonly metrics: ModelMetrics | null;
  readonly created_at: string | null;
}

export interface InputSchema {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | null)[];
}

/** What legacy claims of a model, and where its held-out rows are. */
export interface ModelMetrics {
  readonly task: 'classifier' | 'regressor';
  readonly output: string;
  readonly test_set?: string;
  readonly test_sha256?: string;
  readonly tolerance?: { readonly absolute: number; readonly relative: number };
  readonly accuracy?: number;
  readonly mean_absolute_error?: number;
  readonly int8?: { readonly artifact_path: string; readonly sha256: string };
}

export interface LegacyModel {
  readonly row: AiModelRow;
  /** What legacy has loaded and loads again after a restart, where that is not the file on disk; below the stand-in's folder. */
  readonly loaded?: { readonly path: string; readonly version: string };
  /** A symbolic link to lay below `models`; packages do not carry links. */
  readonly link?: { readonly path: string; readonly target: string };
  /** Held-out rows that legacy's operators add later. */
  readonly larger?: { readonly test_set: string; readonly test_sha256: string };
}

/** The models of the stand-in, by id. `node scripts/train-models.mjs` makes them. */
export function legacyModels(): readonly LegacyModel[] {
  const { models } = JSON.parse(readFileSync(join(modelFiles(), 'manifest.json'), 'utf8'));
  return models as readonly LegacyModel[];
}

/** Where the committed files are: next to the sources, in some folder above a compiled program. */
export function modelFiles(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'legacy', 'ai-models', 'manifest.json'))) folder = dirname(folder);
  return join(folder, 'legacy', 'ai-models');
}
