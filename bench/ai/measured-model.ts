import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { legacyModels, modelFiles } from '../../legacy/ai-models/manifest.js';
import { readTestSet } from '../../src/domain/models/test-set.js';

/** What a model process may need in a bench: more than any model of the stand-in does. */
export const measuredLimits = { maxResidentBytes: 2 * 1024 ** 3, loadMillis: 60_000, runMillis: 60_000 };

/** The file of a model of the stand-in, and its held-out rows. */
export function measuredModel(name: string) {
  const model = legacyModels().find(({ row }) => row.name === name)?.row;
  if (model === undefined) throw new Error(`there is no model ${name}`);
  const file = join(modelFiles(), 'models', model.artifact_path);
  const testSet = readTestSet(readFileSync(join(modelFiles(), 'models', model.metrics?.test_set ?? ''), 'utf8'));
  if ('missing' in testSet) throw new Error(testSet.missing);
  return { file, testSet };
}
