import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ModelPool } from '../../models/model-pool.js';
import type { ModelPoolObserver } from '../../models/pool-options.js';
import type { ReplacedModel } from './replaced-models.js';

/** What the AI cube counts of each model, for `GET /metrics`. */
export class ModelMetrics implements ModelPoolObserver {
  private readonly predictions = new Counter({
    name: 'ai_cube_predictions_total',
    help: 'Predictions by who computed them (cube or legacy) and the status of the response',
    labelNames: ['model', 'by', 'status'],
    registers: [],
  });
  private readonly rows = new Histogram({
    name: 'ai_cube_batch_rows',
    help: 'Rows that were computed together',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096],
    registers: [],
  });
  private readonly durations = new Histogram({
    name: 'ai_cube_prediction_duration_seconds',
    help: 'Time from the request to its outputs, of predictions that the cube computed',
    labelNames: ['model'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [],
  });
  private readonly sessions = new Gauge({
    name: 'ai_cube_model_sessions',
    help: 'Versions of a model that are loaded',
    labelNames: ['model'],
    registers: [],
  });
  private readonly resident = new Gauge({
    name: 'ai_cube_model_resident_bytes',
    help: 'Resident size of the processes of a model',
    labelNames: ['model'],
    registers: [],
  });
  private readonly evictions = new Counter({
    name: 'ai_cube_model_evictions_total',
    help: 'Models that left memory for others',
    labelNames: ['model'],
    registers: [],
  });
  private readonly failures = new Counter({
    name: 'ai_cube_model_process_failures_total',
    help: 'Model processes that ended, or could not load their model',
    labelNames: ['model', 'reason'],
    registers: [],
  });

  private readonly passedOn = new Gauge({
    name: 'ai_cube_models_passed_on',
    help: 'Active models of which legacy has another version since they were moved, so that legacy predicts',
    labelNames: ['model', 'reason'],
    registers: [],
  });

  predicted(model: string, by: 'cube' | 'legacy', status: number): void {
    this.predictions.inc({ model, by, status });
  }

  took(model: string, millis: number): void {
    this.durations.observe({ model }, millis / 1000);
  }

  batch(model: string, rows: number): void {
    this.rows.observe({ model }, rows);
  }

  evicted(model: string): void {
    this.evictions.inc({ model });
  }

  failed(model: string, reason: string): void {
    this.failures.inc({ model, reason });
  }

  async collect(registry: Registry, pool: ModelPool, replaced: readonly ReplacedModel[]): Promise<void> {
    this.passedOn.reset();
    for (const { model, reason } of replaced) this.passedOn.set({ model, reason }, 1);
    this.sessions.reset();
    this.resident.reset();
    for (const { model, bytes } of pool.loaded()) {
      this.sessions.inc({ model });
      this.resident.inc({ model }, bytes);
    }
    if (registry.getSingleMetric('ai_cube_predictions_total') !== undefined) return;
    const all = [
      this.predictions,
      this.rows,
      this.durations,
      this.sessions,
      this.resident,
      this.evictions,
      this.failures,
      this.passedOn,
    ];
    for (const metric of all) registry.registerMetric(metric as Counter);
  }
}
