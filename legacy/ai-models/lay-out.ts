import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { legacyModels, modelFiles } from './manifest.js';

/**
 * Lays the stand-in's model files out below a folder that exists and has none of them yet: `models`, which is LEGACY_MODEL_DIR,
 * with its symbolic links; `earlier`, what legacy still has loaded; `outside`, to which paths lead that leave the folder.
 * Returns the path of `models`.
 */
export function layOutModels(folder: string): string {
  for (const part of ['models', 'earlier', 'outside'])
    cpSync(join(modelFiles(), part), join(folder, part), { recursive: true, errorOnExist: true, force: false });
  const models = join(folder, 'models');
  for (const { link } of legacyModels()) {
    if (link === undefined) continue;
    mkdirSync(dirname(join(models, link.path)), { recursive: true });
    symlinkSync(link.target, join(models, link.path));
  }
  return models;
}
