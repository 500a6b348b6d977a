import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../src/base/package-root.js';
import type { Commands } from './commands.js';
import { faultNames, faults } from './faults.js';
import type { Phase, SteadyUsers } from './steady-users.js';
import type { Steps } from './steps.js';

/** The parts of a ramp that the demo looks at. */
interface Ramp {
  readonly status: string;
  readonly sentence: string;
  readonly lowered: readonly string[];
  readonly rollbacks: readonly { readonly at: string; readonly from_percentage: number; readonly sentence: string }[];
}

/** A bad version that a ramp met, and how it went back. */
export interface WentBack {
  readonly fault: string;
  readonly phase: Phase;
  readonly sentence: string;
  readonly fromPercentage: number;
  /** From the first answer of the bad version, and for errors and wrong fields the first bad one, to the decision. */
  readonly detectionMillis: number;
  /** From the decision to the last answer of the cube. */
  readonly backMillis: number;
}

export interface Switching {
  readonly crowd: { readonly users: number; readonly perSecond: number };
  readonly first: Phase;
  readonly lowered: readonly string[];
  readonly wentBack: readonly WentBack[];
  readonly again: Phase;
  readonly emergency: { readonly phase: Phase; readonly commandMillis: number; readonly lastBadMillis: number };
}

const cube = 'saju-cube';
/** Seconds instead of hours: the report says what this lowers of the proof. */
const quick = [
  '--interval',
  '2',
  '--check-interval',
  '1',
  '--min-requests',
  '20',
  '--min-users',
  '3',
  '--slow-seconds',
  '3',
];
const patienceMillis = 90_000;
/** How many steps `showSwitching` has. */
export const switchingSteps = faultNames.length + 3;

/**
 * Users go over to the cube and come back: a good version to 100 %, three bad ones that the gate sends back by itself, the
 * good one again, and a bad deployment that an emergency rollback undoes.
 */
export async function showSwitching(
  cubeshift: Commands,
  users: SteadyUsers,
  good: string,
  steps: Steps,
): Promise<Switching> {
  steps.begin('bring the users over to the cube, step by step, and take them back');
  await settle(cubeshift, good);
  users.nextPhase();
  await cubeshift.run('traffic', 'ramp', 'saju', '--steps', '5,25,50,100', ...quick, '--wait');
  const { lowered } = await rampNow(cubeshift);
  const first = users.nextPhase();
  await cubeshift.run('traffic', 'set', 'saju', '0');

  const wentBack: WentBack[] = [];
  for (const fault of faultNames) {
    steps.begin(`deploy a bad version, with ${faults[fault].text}; the ramp takes the users back by itself`);
    wentBack.push(await meetBadVersion(cubeshift, users, fault));
  }

  steps.begin('deploy the good version again, and bring all users over');
  await cubeshift.run('cubes', 'deploy', cube, good, '--wait');
  users.nextPhase();
  await cubeshift.run('traffic', 'ramp', 'saju', '--steps', '25,100', ...quick, '--wait');
  const again = users.nextPhase();

  steps.begin('deploy a bad version while all users are on the cube, and roll it back by hand');
  await cubeshift.run('cubes', 'deploy', cube, versionOf('errors'), '--wait');
  await untilTrue(() => users.current.failures > 20);
  const typedAt = Date.now();
  await cubeshift.run('cubes', 'rollback', cube, good, '--wait');
  const commandMillis = Date.now() - typedAt;
  await sleep(2000);
  const phase = users.nextPhase();
  return {
    crowd: users.crowd,
    first,
    lowered,
    wentBack,
    again,
    emergency: { phase, commandMillis, lastBadMillis: Math.max(0, (phase.lastBadAt ?? typedAt) - typedAt) },
  };
}

/** A demo that was killed leaves a ramp under way, or a bad version in its place. */
async function settle(cubeshift: Commands, good: string): Promise<void> {
  await cubeshift.run('traffic', 'set', 'saju', '0');
  if ((await cubeshift.find('traffic', 'ramp', 'saju', '--status', '--json')) !== undefined)
    await cubeshift.attempt('traffic', 'stop', 'saju');
  const running = (await cubeshift.read('cubes', 'list', '--json')) as readonly {
    version: string;
    takes_traffic: boolean;
  }[];
  if (running.some(({ version, takes_traffic }) => takes_traffic && version !== good))
    await cubeshift.run('cubes', 'rollback', cube, good, '--wait');
}

async function meetBadVersion(cubeshift: Commands, users: SteadyUsers, fault: string): Promise<WentBack> {
  const version = versionOf(fault);
  const releases = (await cubeshift.read('release', 'list', cube, '--json')) as readonly { version: string }[];
  if (!releases.some((release) => release.version === version)) {
    const program = join(packageRoot(), 'dist', 'demo', 'faulty-saju-cube.js');
    await cubeshift.run('release', 'add', cube, version, '--', process.execPath, program, '--fault', fault);
  }
  await cubeshift.run('cubes', 'deploy', cube, version, '--wait');
  users.nextPhase();
  await cubeshift.run('traffic', 'ramp', 'saju', '--steps', '10,50,100', ...quick);
  const rollback = await wentBack(cubeshift);
  // What was under way when the weight went to zero is still answered.
  await sleep(1500);
  const phase = users.nextPhase();
  await cubeshift.attempt('traffic', 'stop', 'saju');
  const decided = Date.parse(rollback.at);
  const begun = (fault === 'slow' ? phase.firstFromCubeAt : phase.firstBadAt) ?? decided;
  return {
    fault,
    phase,
    sentence: rollback.sentence,
    fromPercentage: rollback.from_percentage,
    detectionMillis: decided - begun,
    backMillis: Math.max(0, (phase.lastFromCubeAt ?? decided) - decided),
  };
}

async function wentBack(cubeshift: Commands): Promise<Ramp['rollbacks'][number]> {
  const deadline = Date.now() + patienceMillis;
  for (;;) {
    const ramp = await rampNow(cubeshift);
    const [rollback] = ramp.rollbacks;
    if (rollback !== undefined) {
      process.stderr.write(`${rollback.sentence}\n`);
      return rollback;
    }
    if (Date.now() > deadline) throw new Error(`The ramp did not go back: ${ramp.sentence}`);
    await sleep(500);
  }
}

async function rampNow(cubeshift: Commands): Promise<Ramp> {
  return (await cubeshift.read('traffic', 'ramp', 'saju', '--status', '--json')) as Ramp;
}

async function untilTrue(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + patienceMillis;
  while (!condition() && Date.now() < deadline) await sleep(50);
}

function versionOf(fault: string): string {
  return `bad-${fault}`;
}
