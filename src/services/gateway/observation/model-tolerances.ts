import { LRUCache } from 'lru-cache';
import { defaultTolerance, readTolerance, type Tolerance } from '../../../domain/models/metrics.js';
import type { TolerantField } from '../../../domain/traffic/shadow-comparison.js';
import type { ResponseLimits } from '../../../traffic/shadow.js';

interface PredictingRequest {
  /** Whether the response is a prediction of the model that the path names. */
  readonly predicts: boolean;
  readonly target: string;
}

/** Reads a path at legacy, as the client of the request would. */
type ReadAtLegacy<R> = (
  path: string,
  request: R,
  limits: ResponseLimits,
) => Promise<{ readonly status: number; readonly body: string }>;

/** What legacy changes in a model's row takes effect after this. */
const keptMillis = 5000;
const maxModels = 1000;

/** The tolerance that each model declares in legacy's row, for the comparison of predictions. */
export class ModelTolerances<R extends PredictingRequest> {
  private readonly known = new LRUCache<string, Tolerance>({ max: maxModels, ttl: keptMillis });

  constructor(private readonly read: ReadAtLegacy<R>) {}

  /** Undefined for a request that predicts nothing. Rejects where legacy does not say. */
  readonly of = async (request: R, limits: ResponseLimits): Promise<TolerantField | undefined> => {
    if (!request.predicts) return undefined;
    const [target = ''] = request.target.split('?', 1);
    const path = target.slice(0, -'/predict'.length);
    let tolerance = this.known.get(path);
    if (tolerance === undefined) {
      tolerance = await this.readTolerance(path, request, limits);
      this.known.set(path, tolerance);
    }
    return { field: 'body.outputs', tolerance };
  };

  private async readTolerance(path: string, request: R, limits: ResponseLimits): Promise<Tolerance> {
    const { status, body } = await this.read(path, request, limits);
    // Without such a model both sides answer that; without a readable tolerance the usual one holds.
    if (status === 404) return defaultTolerance;
    if (status !== 200) throw new Error(`legacy answers ${status}`);
    const model: { readonly metrics?: unknown } = Object(JSON.parse(body));
    return readTolerance(model.metrics) ?? defaultTolerance;
  }
}
