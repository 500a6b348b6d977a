import { Failure } from '../../../base/failures.js';
import { type ModelReason, type Predicted, type PredictionService, predict } from './prediction-service.js';

/** What both answered to the same request. */
export interface PairedAnswer {
  readonly first: Predicted;
  readonly second: Predicted;
}

/** A side does not predict rows of the test set: there is no evidence. */
export class RowsRefused extends Error {}

/** A side cannot run the model, again and again. */
export class ModelCannotRun extends Error {
  constructor(
    readonly reason: ModelReason,
    service: string,
  ) {
    super(`${service} cannot run the model (${reason})`);
  }
}

/** Two services that get every request one after the other, each begins every other time: what else the machine does meets both. */
export class ServicePair {
  private requests = 0;
  private readonly versions = new Map<PredictionService, string | null>();

  constructor(
    private readonly first: PredictionService,
    private readonly second: PredictionService,
    private readonly signal: AbortSignal,
    /** After each try of a model that cannot be run. */
    private readonly onProgress: () => void,
  ) {}

  /** Throws `RowsRefused`, `ModelCannotRun`, or a retryable failure for a service that is away or changed its version in between. */
  async predict(body: string, rows: number): Promise<PairedAnswer> {
    this.requests += 1;
    if (this.requests % 2 === 0) {
      const second = await this.predictAt(this.second, body, rows);
      return { second, first: await this.predictAt(this.first, body, rows) };
    }
    const first = await this.predictAt(this.first, body, rows);
    return { first, second: await this.predictAt(this.second, body, rows) };
  }

  private async predictAt(service: PredictionService, body: string, rows: number): Promise<Predicted> {
    const answer = await predict(service, { body, rows }, this.signal, this.onProgress);
    if (answer.kind === 'refused') throw new RowsRefused(answer.detail);
    if (answer.kind === 'cannot_run') throw new ModelCannotRun(answer.reason, service.name);
    const known = this.versions.get(service) ?? answer.version;
    this.versions.set(service, known);
    if (known === answer.version) return answer;
    throw new Failure(
      'upstream_failed',
      `While it was compared, ${service.name} began to answer from another version.`,
      {
        safe: 'No version was activated.',
        hint: 'Nothing to do: the comparison is made again; the run continues by itself.',
      },
    );
  }
}
