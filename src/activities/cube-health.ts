import { Context } from '@temporalio/activity';
import { Failure } from '../base/failures.js';
import type { CheckResult } from '../domain/check-result.js';
import { smokeCallsOf } from '../domain/cubes.js';
import type { ChangeReference } from '../domain/deployment/change-reference.js';
import { instancesOf } from '../domain/deployment/desired-cubes.js';
import { type SmokeCall, wrongField } from '../domain/smoke-call.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { type InstanceEntry, type InstanceFilter, readInstances } from '../registry/instances.js';
import type { CubeCalls } from '../runtime/cube-calls.js';
import type { CubeRuntime, CubeStatus, VersionStatus } from '../runtime/runtime.js';
import { guarded } from './guard.js';

export interface CubeHealthDependencies {
  readonly runtime: CubeRuntime;
  readonly redis: RedisConnection;
  /** Which instances of the registry are called. */
  readonly admits: InstanceFilter;
  readonly calls: CubeCalls;
}

export interface HealthQuestion {
  readonly change: ChangeReference;
  readonly version: string;
  readonly seconds: number;
}

const pollMillis = 100;
const watchEveryMillis = 200;
/** An instance that has just come up may go as quickly. */
const steadyMillis = 500;
/** Starts without ever staying up after which a version counts as one that does not start. */
const maxStarts = 3;
/** One bad answer may be the fault of the call itself. */
const maxBadChecks = 2;

/** Whether a version is there and healthy, seen as its users would. Long watches, with heartbeats. */
export function createCubeHealth({ runtime, redis, admits, calls }: CubeHealthDependencies) {
  const observe = async ({ change, version }: HealthQuestion): Promise<HealthObservation> => {
    const status = await runtime.list(change.cubeId);
    checkStillHeld(status, change);
    const found = status.versions.find((one) => one.version === version);
    const registered = await readInstances(redis, change.cubeId, admits).catch((error: unknown) => {
      throw redisFailure(error);
    });
    const wanted =
      found === undefined ? [] : instancesOf(change.cubeId, version, found).map(({ instanceId }) => instanceId);
    // The registry remembers an instance for some seconds after its death; its supervisor does not.
    const living = found?.observed.filter(({ state }) => state === 'ready').map(({ instanceId }) => instanceId) ?? [];
    const ready = registered.filter(
      ({ instance_id: id, state }) => state === 'ready' && wanted.includes(id) && living.includes(id),
    );
    return { status, found, wanted, ready };
  };
  const smoke = async (cubeId: string, instances: readonly InstanceEntry[]): Promise<CheckResult> => {
    for (const instance of instances)
      for (const call of smokeCallsOf(cubeId)) {
        const sentence = await healthProblem(calls, instance, call);
        if (sentence !== undefined) return { passed: false, sentence };
      }
    return { passed: true };
  };
  return {
    /** Waits until every instance of a version is registered and ready, and has been for a moment. */
    awaitVersion: (question: HealthQuestion): Promise<CheckResult> =>
      guarded(async () => {
        const deadline = Date.now() + question.seconds * 1000;
        for (;;) {
          Context.current().heartbeat();
          const seen = await observe(question);
          const steady = seen.ready.filter(({ started_at }) => Date.now() - started_at >= steadyMillis);
          if (seen.wanted.length > 0 && steady.length === seen.wanted.length) return { passed: true };
          const hopeless = permanentProblem(seen);
          if (hopeless !== undefined) return { passed: false, sentence: hopeless };
          if (Date.now() > deadline) return { passed: false, sentence: startupDelay(seen, question.seconds) };
          await Context.current().sleep(pollMillis);
        }
      }),

    /** Asks every instance of a version what it must be able to answer. */
    smokeTest: (question: HealthQuestion): Promise<CheckResult> =>
      guarded(async () => {
        const { ready } = await observe(question);
        if (ready.length === 0) return { passed: false, sentence: 'no instance of it is ready' };
        return smoke(question.change.cubeId, ready);
      }),

    /** Looks again and again for so long: every instance ready, every call answered right. */
    watchVersion: (question: HealthQuestion): Promise<CheckResult> =>
      guarded(async () => {
        const end = Date.now() + question.seconds * 1000;
        let bad = 0;
        for (;;) {
          Context.current().heartbeat();
          const seen = await observe(question);
          const missing = seen.wanted.length - seen.ready.length;
          const verdict: CheckResult =
            missing > 0 || seen.wanted.length === 0
              ? { passed: false, sentence: `${missing} of its ${seen.wanted.length} instances are not ready` }
              : await smoke(question.change.cubeId, seen.ready);
          bad = verdict.passed ? 0 : bad + 1;
          if (!verdict.passed && bad >= maxBadChecks) return verdict;
          if (verdict.passed && Date.now() >= end) return verdict;
          await Context.current().sleep(watchEveryMillis);
        }
      }),
  };
}

export type CubeHealth = ReturnType<typeof createCubeHealth>;

interface HealthObservation {
  readonly status: CubeStatus;
  readonly found: VersionStatus | undefined;
  readonly wanted: readonly string[];
  readonly ready: readonly InstanceEntry[];
}

function checkStillHeld({ holder }: CubeStatus, { holderId }: ChangeReference): void {
  if (holder?.id !== holderId) throw new Failure('conflict', 'Another change of this cube has taken over.');
}

/** Why no waiting helps, if so. */
function permanentProblem({ found, wanted }: HealthObservation): string | undefined {
  const worst = found?.observed.filter(({ instanceId }) => wanted.includes(instanceId)) ?? [];
  const failed = worst.find(
    ({ starts, state, lastEnd }) => lastEnd !== null && state !== 'ready' && (starts === 0 || starts >= maxStarts),
  );
  if (failed === undefined) return undefined;
  return failed.starts === 0 ? `it ${failed.lastEnd}` : `it was started ${failed.starts} times and ${failed.lastEnd}`;
}

function startupDelay({ status, found, ready, wanted }: HealthObservation, seconds: number): string {
  if (!status.supervised) return 'no supervisor runs in this state folder; start it with `cubeshift up`';
  const ends = found?.observed.find(({ lastEnd }) => lastEnd !== null)?.lastEnd;
  const ending = ends ? `; one of them ${ends}` : '';
  return `${ready.length} of its ${wanted.length} instances were ready within ${seconds} s${ending}`;
}

async function healthProblem(calls: CubeCalls, instance: InstanceEntry, call: SmokeCall): Promise<string | undefined> {
  const { method, path, body, permission } = call;
  const answer = await calls.call(instance.url, { method, path, ...(body === null ? {} : { body }), permission });
  const what = `${instance.instance_id} answered ${method} ${path}`;
  if (answer === undefined) return `${instance.instance_id} did not answer ${method} ${path}`;
  if (answer.status !== 200) return `${what} with ${answer.status}`;
  const field = wrongField(call, answer.body);
  return field === undefined ? undefined : `${what} with another ${field} than the right one`;
}
