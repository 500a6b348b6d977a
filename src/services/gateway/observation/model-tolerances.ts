import { LRUCache } from 'lru-cache';
import { defaultTolerance, readTolerance, type Tolerance } from '../../../domain/models/metrics.js';
import type { TolerantField } from '../../../domain/traffic/shadow-comparison.js';
import type { ResponseLimits } from '../../../traffic/shadow.js';
import type { GatewayShadowRequest } from './shadowing.js';

/** Reads a path at legacy, as the client of the request would. */
export type ReadAtLegacy = (
  path: string,
  request: GatewayShadowRequest,
  limits: ResponseLimits,
) => Promise<{ readonly status: number; readonly body: string }>;

/** What legacy changes in a model's row takes effect after this. */
const keptMillis = 5000;
const maxModels = 1000;

/** The tolerance that each model declares in legacy's row, for the comparison of predictions. */
export class ModelTolerances {
  private readonly known = new LRUCache<string, Tolerance>({ max: maxModels, ttl: keptMillis });

  constructor(private readonly read: ReadAtLegacy) {}

  /** Undefined for a request that predicts nothing. Rejects where legacy does not say. */
  readonly of = async (request: GatewayShadowRequest, limits: ResponseLimits): Promise<TolerantField | undefined> => {
    if (!request.predicts) return undefined;
    const path = request.target.replace(/\?.*$/s, '').replace(/\/predict$/, '');
    let tolerance = this.known.get(path);
    if (tolerance === undefined) {
      tolerance = await this.readTolerance(path, request, limits);
      this.known.set(path, tolerance);
    }
    return { field: 'body.outputs', tolerance };
  };

  private async readTolerance(path: string, request: GatewayShadowRequest, limits: ResponseLimits): Promise<Tolerance> {
    const { status, body } = await this.read(path, request, limits);
    // Without such a model both sides answer that; without a readable tolerance the usual one holds.
    if (status === 404) return defaultTolerance;
    if (status !== 200) throw new Error(`legacy answers ${status}`);
    const model: { readonly metrics?: unknown } = Object(JSON.parse(body));
    return readTolerance(model.metrics) ?? defaultTolerance;
  }
}
