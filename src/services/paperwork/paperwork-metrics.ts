import { Counter, type Registry } from 'prom-client';
import type { ContentSource } from './contents.js';

/** What the paperwork cube counts in addition to its requests, for `GET /metrics`. */
export class PaperworkMetrics {
  private readonly bytes = new Counter({
    name: 'paperwork_cube_content_bytes_total',
    help: 'Bytes of contents by where they were read: the store, or the folder of legacy',
    labelNames: ['from'],
    registers: [],
  });
  private readonly missed = new Counter({
    name: 'paperwork_cube_contents_missed_total',
    help: 'Contents that the store or the cube database should have given and did not; the folder of legacy gave them',
    registers: [],
  });

  read(from: ContentSource, bytes: number): void {
    this.bytes.inc({ from }, bytes);
  }

  miss(): void {
    this.missed.inc();
  }

  async collect(registry: Registry): Promise<void> {
    if (registry.getSingleMetric('paperwork_cube_content_bytes_total') !== undefined) return;
    for (const metric of [this.bytes, this.missed]) registry.registerMetric(metric);
  }
}
