import { DefaultLogger, makeTelemetryFilterString, type RuntimeOptions } from '@temporalio/worker';

/** For Temporal's runtime in a test's process: failing activities are what tests are about, and their warnings would bury the results. */
export const quietRuntime: RuntimeOptions = {
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
};
