import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { legacyModels, modelFiles } from '../../legacy/ai-models/manifest.js';
import { readTestSet } from '../../src/domain/models/test-set.js';
import { startModelProcess } from '../../src/models/model-process.js';

/** Resident bytes of one model process, after each tenth of its work. */
export interface MemoryFigures {
  readonly name: string;
  readonly predictions: number;
  readonly loads: number;
  readonly bytes: readonly number[];
}

const [predictions, loads, parts] = [100_000, 100, 10] as const;
const callsAtOnce = 8;
const limits = { maxResidentBytes: 2 * 1024 ** 3, loadMillis: 60_000, runMillis: 60_000 };

/** Many predictions of one process, in which other models are loaded and released meanwhile. */
export async function measureMemory(name: string): Promise<MemoryFigures> {
  const model = legacyModels().find(({ row }) => row.name === name)?.row;
  if (model === undefined) throw new Error(`there is no model ${name}`);
  const file = join(modelFiles(), 'models', model.artifact_path);
  const testSet = readTestSet(readFileSync(join(modelFiles(), 'models', model.metrics?.test_set ?? ''), 'utf8'));
  if ('missing' in testSet) throw new Error(testSet.missing);
  const process = startModelProcess(limits);
  try {
    const loaded = await process.load(name, file);
    if ('kind' in loaded) throw new Error(loaded.message);
    const bytes: number[] = [];
    for (let part = 0; part < parts; part++) {
      for (let load = 0; load < loads / parts; load++) {
        await process.load('another', file);
        await process.release('another');
      }
      let left = predictions / parts;
      const caller = async () => {
        while (left-- > 0) await process.predict(name, [testSet[left % testSet.length]?.inputs]);
      };
      await Promise.all(Array.from({ length: callsAtOnce }, caller));
      bytes.push(process.residentBytes());
    }
    return { name, predictions, loads, bytes };
  } finally {
    await process.close();
  }
}
