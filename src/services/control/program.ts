import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type pino from 'pino';
import { createRequestProofs } from '../../auth/request-proofs.js';
import { loadSecretsOrExit } from '../../auth/token-secrets.js';
import { createTokenVerifier, issueCubeToken } from '../../auth/tokens.js';
import { armCrashPoint } from '../../base/crash-points.js';
import { Failure, failureRule, kindAndPlace, toFailure } from '../../base/failures.js';
import { temporalTarget } from '../../config/temporal-address.js';
import type { ConfigurationOf } from '../../config/variables.js';
import { createPool } from '../../postgres/connect.js';
import { deleteExpiredContents } from '../../postgres/ledger/retention.js';
import { findOrphans, recordRunId } from '../../postgres/ledger/runs.js';
import { upgradeLedger } from '../../postgres/ledger/schema.js';
import { connectConfiguredRedis } from '../../redis/connection.js';
import { admittedInstances } from '../../registry/admitted-instances.js';
import { reportSecrets } from '../../registry/known-secrets.js';
import { createCubeCalls } from '../../runtime/cube-calls.js';
import type { BlobStore } from '../../storage/blob-store.js';
import { openMoveTarget } from '../../storage/move-target.js';
import { openStore, type StorageSettings } from '../../storage/open-store.js';
import { buildControlApp } from './app.js';
import { createCubeWorkflows } from './cubes/cube-workflows.js';
import { createKeptVersions, createWarmVersionOf } from './cubes/kept-versions.js';
import { createMigrationWorkflows, type MigrationWorkflows } from './migrations/workflows.js';
import { createRampWorkflows } from './traffic/ramp-workflows.js';

/** The whole life of a control API, from its first answer to its last after `signal` is aborted. */
export async function runControl(
  config: ConfigurationOf<'control-api'>,
  log: pino.Logger,
  signal: AbortSignal,
): Promise<void> {
  const clock = () => new Date();
  const secrets = loadSecretsOrExit(config, clock, (sentence) => log.error(sentence));
  const tokens = createTokenVerifier(secrets.cube, clock);
  secrets.onChange((changed) => tokens.useSecrets(changed.cube));
  const cube = createPool(config.CUBE_DATABASE_URL, { applicationName: 'cubeshift control', max: 10 });
  const redis = connectConfiguredRedis(config, {
    onStranger: (sentence) => log.error(sentence),
    onError: (error) => log.debug({ cause: kindAndPlace(error, 1) }, 'Redis is away'),
  });
  const prove = createRequestProofs(() => secrets.cube.current, clock);
  const temporal = [temporalTarget(config), config.TEMPORAL_NAMESPACE, prove] as const;
  const workflows = createMigrationWorkflows(...temporal);
  const cubeWorkflows = createCubeWorkflows(...temporal);
  const ramps = createRampWorkflows(...temporal);
  const app = await buildControlApp({
    cube,
    redis,
    admits: admittedInstances(config.INSTANCE_NETWORKS, secrets, (sentence) => log.error(sentence)).admits,
    workflows,
    cubeWorkflows,
    ramps,
    calls: createCubeCalls(
      (permission) =>
        issueCubeToken(secrets.cube.current, { cubeId: 'control', permissions: [permission] }, clock()).token,
    ),
    maxInstances: config.MAX_INSTANCES_PER_CUBE,
    keptVersions: createKeptVersions(config.STATE_DIR),
    warmVersionOf: createWarmVersionOf(config.STATE_DIR),
    tokens,
    secret: () => secrets.cube.current,
    store: configuredStore(config),
    moveTarget: (to) => openMoveTarget(config, to),
    reach: armCrashPoint(config.CUBESHIFT_CRASH_POINT),
    clock,
    logger: log,
  });
  const stopReporting = reportSecrets(redis, 'control', () => secrets.fingerprints());
  await app.listen({ host: config.CONTROL_HOST, port: config.CONTROL_PORT });
  await untilAborted(() => upgradeOnce(config.CUBE_DATABASE_URL), 1000, log, signal);
  await Promise.all([
    untilAborted(() => adoptOrphans(cube, workflows, log), 5000, log, signal),
    untilAborted(() => forgetOld(cube, config.LEDGER_RETENTION_DAYS, log), 3_600_000, log, signal),
  ]);
  await app.close();
  await stopReporting();
  secrets.close();
  await workflows.close();
  redis.disconnect();
  await cubeWorkflows.close();
  await ramps.close();
  await cube.end();
}

/** Opens the store at its first use. */
function configuredStore(settings: StorageSettings): () => BlobStore {
  let store: BlobStore | undefined;
  return () => {
    if (settings.CUBE_STORAGE_URL === '') throw noStore();
    store ??= openStore(settings);
    return store;
  };
}

function noStore(): Failure {
  return new Failure('configuration_invalid', 'CUBE_STORAGE_URL is not set, which names the store.', {
    hint: 'Set CUBE_STORAGE_URL for the control API to the store of the bulk workers, and start it again.',
  });
}

/** Listens from the first moment, and is ready once the ledger is there. */
async function upgradeOnce(url: string): Promise<boolean> {
  await upgradeLedger(url);
  return true;
}

/** Starts the plans of runs that were put on record by an API that died before it could. */
async function adoptOrphans(cube: pg.Pool, workflows: MigrationWorkflows, log: pino.Logger): Promise<boolean> {
  for (const orphan of await findOrphans(cube)) {
    const { runId } = await workflows.start(orphan);
    await recordRunId(cube, orphan.id, runId);
    log.info({ migration: orphan.id }, 'started the plan of a run that had none');
  }
  return false;
}

/** Empties what the ledger kept of records for longer than it may. */
async function forgetOld(cube: pg.Pool, days: number, log: pino.Logger): Promise<boolean> {
  const emptied = await deleteExpiredContents(cube, days);
  if (emptied > 0) log.info({ emptied }, 'forgot record contents of migrations that ended long ago');
  return false;
}

/** Repeats `work` until it says it is done or the program is to stop; a failure is logged and tried again. */
async function untilAborted(
  work: () => Promise<boolean>,
  everyMillis: number,
  log: pino.Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (await work()) return;
    } catch (error) {
      const failure = toFailure(error);
      log.warn({ type: failure.type, actor: failureRule(failure.type).actor }, failure.message);
    }
    await sleep(everyMillis, undefined, { signal }).catch(() => undefined);
  }
}
