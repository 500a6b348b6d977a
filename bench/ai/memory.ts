import { startModelProcess } from '../../src/models/model-process.js';
import { measuredLimits, measuredModel } from './measured-model.js';

/** Resident bytes of one model process, after each tenth of its work. */
export interface MemoryFigures {
  readonly name: string;
  readonly predictions: number;
  readonly loads: number;
  readonly bytes: readonly number[];
}

const [predictions, loads, parts] = [100_000, 100, 10] as const;
const callsAtOnce = 8;

/** Many predictions of one process, in which other models are loaded and released meanwhile. */
export async function measureMemory(name: string): Promise<MemoryFigures> {
  const { file, testSet } = measuredModel(name);
  const process = startModelProcess(measuredLimits);
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
