import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Runtime } from '@temporalio/worker';
import pino from 'pino';
import { packageRoot } from '../../src/base/package-root.js';
import { readConfiguration } from '../../src/config/configuration.js';
import { variablesOf } from '../../src/config/variables.js';
import { quietRuntime } from './quiet-runtime.js';

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

  private async run(
    program: Program,
    environment: Readonly<Record<string, string>>,
    log: pino.Logger,
  ): Promise<unknown> {
    const { signal } = this.stopping;
    switch (program) {
      case 'control': {
        const { runControl } = await built.control();
        return runControl(readConfiguration(environment, variablesOf('control-api')), log, signal);
      }
      case 'worker-control': {
        quietTemporal();
        const { startControlWorker } = await built.controlWorker();
        const config = readConfiguration(environment, variablesOf('control-worker'));
        const { keepWorking } = await built.runWorker();
        return keepWorking(log, () => startControlWorker(config, log), signal);
      }
      case 'worker-bulk': {
        quietTemporal();
        const { startBulkWorker } = await built.bulkWorker();
        const config = readConfiguration(environment, variablesOf('bulk-worker'));
        const { keepWorking } = await built.runWorker();
        return keepWorking(log, () => startBulkWorker(config, log), signal);
      }
    }
  }
}

/** As they are built: what the test runner makes of the sources is slower, and not what runs in operation. */
const built = {
  control: () => load<typeof import('../../src/services/control/program.js')>('services/control/program.js'),
  controlWorker: () => load<typeof import('../../src/workers/control-worker.js')>('workers/control-worker.js'),
  bulkWorker: () => load<typeof import('../../src/workers/bulk-worker.js')>('workers/bulk-worker.js'),
  runWorker: () => load<typeof import('../../src/workers/run-worker.js')>('workers/run-worker.js'),
};

function load<Module>(file: string): Promise<Module> {
  return import(/* @vite-ignore */ pathToFileURL(join(packageRoot(), 'dist', 'src', file)).href);
}

/** One of Temporal's runtimes serves all workers of a process; it ends with the last of them. */
function quietTemporal(): void {
  try {
    Runtime.install({ ...quietRuntime, shutdownSignals: [] });
  } catch {
    // It is there already.
  }
}
