import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { loadSecretsOrExit } from '../auth/token-secrets.js';
import { createTokenVerifier } from '../auth/tokens.js';
import { packageVersion } from '../base/package-root.js';
import { configureOrExit } from '../config/configuration.js';
import type { ConfigurationOf } from '../config/variables.js';
import type { CubeId } from '../domain/catalog.js';
import { cubeDefinition } from '../domain/cubes.js';
import { connectConfiguredRedis, type RedisConnection } from '../redis/connection.js';
import { admittedInstances } from '../registry/admitted-instances.js';
import type { InstanceFilter } from '../registry/instances.js';
import { reportSecrets } from '../registry/known-secrets.js';
import { type CubeApp, type CubeOptions, runCube } from './cube.js';
import { createInterCubeCalls, type InterCubeCalls } from './inter-cube-calls.js';

/** What the builder of a cube gets. */
export interface CubeProgram<Id extends CubeId> {
  /** The variables that the table gives to every cube, and to this one. */
  readonly config: ConfigurationOf<'cube' | Id>;
  /** The options of `buildCube` that every cube has. */
  readonly basics: Pick<CubeOptions, 'definition' | 'version' | 'instanceId' | 'clock' | 'tokens'> & {
    readonly logger: pino.Logger;
  };
  /** The current secret of cube tokens. */
  readonly secret: () => string;
  /** Reloads the secrets now, not within a second. */
  readonly reloadSecrets: () => void;
  readonly redis: RedisConnection;
  readonly admits: InstanceFilter;
  /** Creates its calls to these other cubes; closed with the cube. */
  readonly callsOf: (cubeIds: readonly CubeId[]) => Promise<InterCubeCalls>;
  /** Aborted on SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
}

/** A cube that is ready to listen; `close` runs after its last response. */
export interface BuiltCube {
  readonly app: CubeApp;
  readonly close?: () => Promise<void>;
}

/**
 * The whole life of a cube's process, from its environment to its last answer after SIGTERM. It reads
 * the variables of every cube and its own; a wrong environment ends it with code 2 and a sentence for each variable.
 */
export async function runCubeProgram<Id extends CubeId>(
  cubeId: Id,
  build: (program: CubeProgram<Id>) => Promise<BuiltCube>,
): Promise<void> {
  const definition = cubeDefinition(cubeId);
  const config = configureOrExit(['cube', cubeId], {
    CUBE_PORT: String(definition.port),
    ...process.env,
  });
  const version = config.CUBE_VERSION || packageVersion();
  const instanceId = config.INSTANCE_ID || randomUUID();
  const logger = pino({
    name: cubeId,
    level: config.LOG_LEVEL,
    base: { cube_id: cubeId, instance_id: instanceId, version },
  });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const clock = () => new Date();
  const secrets = loadSecretsOrExit(config, clock, (sentence) => logger.error(sentence));
  const tokens = createTokenVerifier(secrets.cube, clock);
  secrets.onChange(({ cube }) => tokens.useSecrets(cube));
  const redis = connectConfiguredRedis(config, {
    onError: (error) => logger.warn({ reason: error.name }, 'Redis'),
    onStranger: (sentence) => logger.error(sentence),
  });
  const { admits } = admittedInstances(config.INSTANCE_NETWORKS, secrets, (sentence) => logger.error(sentence));
  const closers: (() => Promise<void>)[] = [];
  const callsOf = async (cubeIds: readonly CubeId[]) => {
    const caller = { callerId: cubeId, secret: () => secrets.cube.current, clock };
    const calls = await createInterCubeCalls({ ...caller, redis, admits, cubeIds });
    closers.push(() => calls.close());
    return calls;
  };
  const { app, close } = await build({
    config,
    basics: { definition, version, instanceId, logger, clock, tokens },
    secret: () => secrets.cube.current,
    reloadSecrets: () => secrets.reload(),
    redis,
    admits,
    callsOf,
    signal: stop.signal,
  });
  const stopReporting = reportSecrets(redis, `${cubeId}/${instanceId}`, () => secrets.fingerprints());
  await runCube(app, {
    redis,
    secret: () => secrets.cube.current,
    host: config.CUBE_HOST,
    port: config.CUBE_PORT,
    ...(config.CUBE_URL === '' ? {} : { url: config.CUBE_URL }),
    signal: stop.signal,
  });
  await stopReporting();
  await close?.();
  for (const closeOne of closers) await closeOne();
  secrets.close();
  redis.disconnect();
}
