import type { Comparison } from '../../src/domain/models/comparison/comparison.js';
import { compareSpeeds, type SpeedComparison } from '../../src/domain/models/comparison/speed.js';
import { readMetrics } from '../../src/domain/models/metrics.js';
import { compareVersions } from '../../src/kinds/ai-models/compare/compare-versions.js';
import { Lab } from '../lab.js';
import { type BelowHttp, measureBelowHttp } from './below-http.js';
import { type LoadFigures, predictionLoad, predictionRequest } from './load.js';
import { type MemoryFigures, measureMemory } from './memory.js';
import { AiServices, type MeasuredModel } from './services.js';

export interface AiOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** One model at both services, in rounds that alternate. */
export interface ModelFigures {
  readonly name: string;
  readonly comparison: Comparison;
  readonly rounds: readonly { readonly legacy: LoadFigures; readonly cube: LoadFigures }[];
  /** The cube against legacy, round by round. */
  readonly throughput: SpeedComparison;
  readonly p99: SpeedComparison;
}

export interface AiFigures {
  readonly options: AiOptions;
  readonly models: readonly ModelFigures[];
  readonly belowHttp: readonly BelowHttp[];
  readonly memory: MemoryFigures;
  readonly megabytes: { readonly legacy: number; readonly cube: number };
  readonly minutes: number;
}

/** The named larger model; the goal is about this one. */
export const largerModel = 'digits-reservoir';
/** Its rows have values of every type. */
const memoryModel = 'visit-no-show';
const others = ['tumour-forest', 'friedman-boosting', 'korean-documents', 'visit-no-show'];

/** Single rows over HTTP at the stand-in's AI service and at the AI cube. */
export async function measureAi(options: AiOptions, log: (text: string) => void): Promise<AiFigures> {
  const started = performance.now();
  const belowHttp: BelowHttp[] = [];
  for (const name of [largerModel, ...others]) {
    log(`${name} below HTTP`);
    belowHttp.push(await measureBelowHttp(name));
  }
  log(`memory of ${memoryModel}`);
  const memory = await measureMemory(memoryModel);
  const lab = await Lab.open(log);
  try {
    const services = await AiServices.start(lab);
    try {
      const models: ModelFigures[] = [];
      for (const name of [largerModel, ...others]) {
        log(name);
        models.push(await measureModel(services, await services.move(name), options));
      }
      const megabytes = { legacy: services.legacy.megabytes(), cube: services.cube.megabytes() };
      return { options, models, belowHttp, memory, megabytes, minutes: (performance.now() - started) / 60_000 };
    } finally {
      await services.stop();
    }
  } finally {
    await lab.close();
  }
}

async function measureModel(
  services: AiServices,
  { model, versionId, testSet }: MeasuredModel,
  { rounds, seconds, connections }: AiOptions,
): Promise<ModelFigures> {
  const { name } = model.row;
  const metrics = readMetrics(model.row.metrics);
  if ('missing' in metrics) throw new Error(metrics.missing);
  const urlOf = ({ port }: { readonly port: number }) => `http://127.0.0.1:${port}`;
  // Loads the model on both sides, and says whether they answer equally well.
  const comparison = await compareVersions({
    legacyUrl: urlOf(services.legacy),
    cubeUrl: urlOf(services.cube),
    name,
    versionId,
    token: () => services.token,
    testSet,
    metrics,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  const { token } = services;
  const requests = testSet.map(({ inputs }) => predictionRequest(`/models/${name}/predict`, token, [inputs]));
  const load = (side: 'legacy' | 'cube') =>
    predictionLoad({ port: services[side].port, requests, connections, seconds });
  const measured: { legacy: LoadFigures; cube: LoadFigures }[] = [];
  for (let round = 0; round < rounds; round++) {
    const [first, second] = round % 2 === 0 ? (['legacy', 'cube'] as const) : (['cube', 'legacy'] as const);
    const figures = { [first]: await load(first), [second]: await load(second) } as Record<typeof first, LoadFigures>;
    measured.push({ legacy: figures.legacy, cube: figures.cube });
  }
  return {
    name,
    comparison,
    rounds: measured,
    throughput: compareSpeeds(
      measured.map(({ legacy, cube }) => ({ usual: 1 / legacy.perSecond, other: 1 / cube.perSecond })),
    ),
    p99: compareSpeeds(measured.map(({ legacy, cube }) => ({ usual: legacy.p99, other: cube.p99 }))),
  };
}
