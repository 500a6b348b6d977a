import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import pino from 'pino';
import { readConfiguration } from '../../src/config.js';
import { controlVariables, runControl } from '../../src/services/control/program.js';
import { bulkWorkerVariables, startBulkWorker } from '../../src/workers/bulk-worker.js';
import { controlWorkerVariables, startControlWorker } from '../../src/workers/control-worker.js';
import { keepWorking } from '../../src/workers/run-worker.js';

export type Program = 'control' | 'worker-control' | 'worker-bulk';

/** A program of the engine in the test's own process, which spares its start: the same code, by the same variables. */
export class ProgramHere {
  private readonly stopping = new AbortController();
  private readonly ended: Promise<unknown>;

  /** `keep` is given its log. */
  constructor(program: Program, environment: Readonly<Record<string, string>>, keep: (text: string) => void) {
    const log = pino({ name: program, level: 'info' }, { write: keep });
    this.ended = this.run(program, environment, log);
  }

  /** Returns once nothing of it is left. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  private run(program: Program, environment: Readonly<Record<string, string>>, log: pino.Logger): Promise<unknown> {
    const { signal } = this.stopping;
    switch (program) {
      case 'control':
        return runControl(readConfiguration(environment, controlVariables), log, signal);
      case 'worker-control': {
        quietTemporal();
        const config = readConfiguration(environment, controlWorkerVariables);
        return keepWorking(log, () => startControlWorker(config, log), signal);
      }
      case 'worker-bulk': {
        quietTemporal();
        const config = readConfiguration(environment, bulkWorkerVariables);
        return keepWorking(log, () => startBulkWorker(config), signal);
      }
    }
  }
}

/** One of Temporal's runtimes serves all workers of a process; it ends with the last of them. */
function quietTemporal(): void {
  try {
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
      shutdownSignals: [],
    });
  } catch {
    // It is there already.
  }
}
