import { setTimeout as sleep } from 'node:timers/promises';
import { type DemoUser, SteadyUsers, sajuVisits } from '../../demo/steady-users.js';
import { packageVersion } from '../../src/base/package-root.js';
import { untilTrue } from './control.js';
import { badVersion, cubeId, type TrafficStack } from './stack.js';

/** What users met in one trial. */
export interface Trial {
  /** Automatic: from the first bad answer to the last answer of the cube. Emergency: from the call to the last bad answer. */
  readonly millis: number;
  /** From the call until the good version has its users again; an emergency's alone. */
  readonly restoredMillis: number | null;
  readonly failures: number;
  readonly requests: number;
  /** Why the ramp went back; an automatic rollback's alone. */
  readonly reason: string | null;
}

interface Ramp {
  readonly status: string;
  readonly rollbacks: readonly { readonly reason: string }[];
}

/** So many that at 5 % some fifty are on the cube: of fewer it may happen that hardly any meets the planted fault. */
export const usersAtOnce = 1000;
export const requestsPerSecond = 200;
/** Nothing of the cube for so long: the last answer was the last. */
const quietMillis = 1200;
const rampPath = '/v1/traffic/saju/ramp';

/** Makes a version the one that takes traffic. */
export async function deploy({ control }: TrafficStack, version: string): Promise<void> {
  await control.call('POST', `/v1/cubes/${cubeId}/deploy`, { version, watch_seconds: 1 });
  await control.askUntil<{ status: string }>(
    `/v1/cubes/${cubeId}/deployment`,
    ({ status }) => status === 'done',
    `the deployment of ${version}`,
  );
}

export async function setWeight({ control }: TrafficStack, percentage: number): Promise<void> {
  await control.call('PUT', '/v1/traffic/saju', { percentage });
}

/**
 * A ramp meets the bad version at 5 %. Each trial has a ramp of its own, so that no hold-off and no count of rollbacks is
 * left from the one before, and users of its own.
 */
export async function automaticTrial(
  stack: TrafficStack,
  population: readonly DemoUser[],
  settings: { readonly check_interval_seconds?: number },
): Promise<Trial> {
  const { control } = stack;
  const users = new SteadyUsers(stack.gatewayUrl, population, requestsPerSecond, sajuVisits);
  try {
    // The new users' first answers are legacy's.
    await sleep(500);
    const phase = users.beginPhase();
    await control.call('POST', rampPath, { steps: [5, 100], interval_seconds: 600, ...settings });
    const ramp = await control.askUntil<Ramp>(rampPath, ({ rollbacks }) => rollbacks.length > 0, 'a rollback');
    await untilTrue(
      () => Date.now() - (phase.lastFromCubeAt ?? 0) > quietMillis,
      () => 'the last answer of the cube',
    );
    if (phase.firstBadAt === null || phase.lastFromCubeAt === null) throw new Error('the cube answered nothing bad');
    return {
      millis: phase.lastFromCubeAt - phase.firstBadAt,
      restoredMillis: null,
      failures: phase.failures,
      requests: phase.requests,
      reason: ramp.rollbacks[0]?.reason ?? null,
    };
  } finally {
    await users.stop();
    await control.call('DELETE', rampPath);
    await control.askUntil<Ramp>(rampPath, ({ status }) => status === 'stopped', 'the end of the ramp');
  }
}

/** Everybody is on the bad version; the call brings the good one back. */
export async function emergencyTrial(stack: TrafficStack, users: SteadyUsers): Promise<Trial> {
  const { control } = stack;
  const before = users.beginPhase();
  await deploy(stack, badVersion);
  const failuresBefore = before.failures;
  await untilTrue(
    () => before.failures > failuresBefore + 20,
    () => 'bad answers',
  );
  const phase = users.beginPhase();
  const [failed, requestedAt] = [before.failures, Date.now()];
  const path = `/v1/cubes/${cubeId}/rollback`;
  await control.call('POST', path, { target_version: packageVersion(), watch_seconds: 1 });
  const view = await control.askUntil<{ status: string; traffic_restored_at: string | null }>(
    path,
    ({ status }) => status !== 'running',
    'the rollback',
  );
  if (view.status !== 'completed' || view.traffic_restored_at === null)
    throw new Error(`the rollback ended as ${view.status}`);
  // What was under way at the call belongs to the phase before.
  const lastBad = Math.max(requestedAt, before.lastBadAt ?? 0, phase.lastBadAt ?? 0);
  return {
    millis: lastBad - requestedAt,
    restoredMillis: Date.parse(view.traffic_restored_at) - requestedAt,
    failures: phase.failures + before.failures - failed,
    requests: phase.requests,
    reason: null,
  };
}
