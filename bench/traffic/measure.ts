import { type DemoUser, SteadyUsers, sajuVisits } from '../../demo/steady-users.js';
import { plantedAt } from '../../legacy/planted.js';
import { packageVersion } from '../../src/base/package-root.js';
import { type AccuracyFigures, measureAccuracy } from '../accuracy.js';
import { type Detection, detections, equalWorlds, falseRollbacks } from '../gate.js';
import { measureRouting, type RoutingFigures } from '../routing.js';
import { measureSajuCharts, type SajuFigures } from '../saju.js';
import { measureTokenChecks, type TokenFigures } from '../tokens.js';
import { badVersion, TrafficStack } from './stack.js';
import {
  automaticTrial,
  deploy,
  emergencyTrial,
  requestsPerSecond,
  setWeight,
  type Trial,
  usersAtOnce,
} from './trials.js';

export interface TrafficOptions {
  readonly trials: number;
}

/** The gate's error test by simulation. */
export interface GateFigures {
  /** Of 1,000 ramps between equal sides, how many went back. */
  readonly falseRollbacks: readonly { readonly name: string; readonly seed: number; readonly stopped: number }[];
  readonly planted: readonly (Detection & { readonly times: number })[];
}

export interface TrafficFigures {
  readonly options: TrafficOptions;
  readonly routing: RoutingFigures;
  readonly tokens: TokenFigures;
  readonly saju: SajuFigures;
  readonly accuracy: AccuracyFigures;
  readonly gate: GateFigures;
  /** With looks and windows a tenth as long as usual, so that there can be many. */
  readonly automatic: readonly Trial[];
  /** With every setting of ramp and gateway as it is by default. */
  readonly usual: readonly Trial[];
  readonly emergency: readonly Trial[];
  /** What legacy said was planted in it after the trials. */
  readonly plantedInLegacy: string;
  readonly minutes: number;
}

/** No trial of a kind begins later than this after the start of the part. */
const latestMillis = { automatic: 5.5 * 60_000, emergency: 11 * 60_000, usual: 20 * 60_000 } as const;
/** Each takes a minute. */
const maxUsual = 10;

/** What decisions, tokens and charts cost, then rollbacks on a whole stack. */
export async function measureTraffic(options: TrafficOptions, log: (text: string) => void): Promise<TrafficFigures> {
  const started = performance.now();
  const routing = measureRouting();
  const tokens = await measureTokenChecks();
  const saju = measureSajuCharts();
  const accuracy = measureAccuracy();
  const gate = simulateGate();
  let interrupted = false;
  const giveUp = () => {
    interrupted = true;
    log('stopping after this trial');
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, giveUp);
  const repeat = async (
    name: keyof typeof latestMillis,
    trial: (number: number) => Promise<Trial>,
    most = options.trials,
  ): Promise<readonly Trial[]> => {
    const done: Trial[] = [];
    const isTime = () => performance.now() - started < latestMillis[name];
    for (let number = 0; number < most && (number === 0 || isTime()); number++) {
      if (interrupted) throw new Error('stopped');
      const one = await trial(number);
      done.push(one);
      const reason = one.reason === null ? '' : `, ${one.reason}`;
      log(`  ${name} ${number + 1}: ${one.millis} ms, ${one.failures} of ${one.requests} failed${reason}`);
    }
    return done;
  };
  try {
    const { automatic, emergency, plantedInLegacy } = await onStack(log, { windowSeconds: 1 }, async (stack) => {
      const population = await stack.users(usersAtOnce * options.trials);
      await setWeight(stack, 0);
      await deploy(stack, badVersion);
      const automatic = await repeat('automatic', (number) =>
        automaticTrial(stack, crowd(population, number), { check_interval_seconds: 1 }),
      );
      await deploy(stack, packageVersion());
      await setWeight(stack, 100);
      const users = new SteadyUsers(stack.gatewayUrl, crowd(population, 0), requestsPerSecond, sajuVisits);
      try {
        const emergency = await repeat('emergency', () => emergencyTrial(stack, users));
        return { automatic, emergency, plantedInLegacy: await plantedAt(stack.legacySajuUrl) };
      } finally {
        await users.stop();
      }
    });
    const usual = await onStack(log, {}, async (stack) => {
      const most = Math.min(maxUsual, options.trials);
      const population = await stack.users(usersAtOnce * most);
      await setWeight(stack, 0);
      await deploy(stack, badVersion);
      return repeat('usual', (number) => automaticTrial(stack, crowd(population, number), {}), most);
    });
    const minutes = (performance.now() - started) / 60_000;
    return { options, routing, tokens, saju, accuracy, gate, automatic, usual, emergency, plantedInLegacy, minutes };
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, giveUp);
  }
}

const simulatedRamps = 1000;

function simulateGate(): GateFigures {
  return {
    falseRollbacks: equalWorlds.map(({ name, world, seed }) => ({
      name,
      seed,
      stopped: falseRollbacks(world, simulatedRamps, seed),
    })),
    planted: [2, 5, 10].map((times) => ({ times, ...detections(times, 200, 50_000) })),
  };
}

/** The users of one trial; no other trial has them. */
function crowd(population: readonly DemoUser[], number: number): readonly DemoUser[] {
  return population.slice(number * usersAtOnce, (number + 1) * usersAtOnce);
}

/** On a stack of its own, which is stopped whatever happens: half a one must not be left behind. */
async function onStack<T>(
  log: (text: string) => void,
  settings: { readonly windowSeconds?: number },
  work: (stack: TrafficStack) => Promise<T>,
): Promise<T> {
  const stack = await TrafficStack.start(log, settings);
  try {
    return await work(stack);
  } finally {
    await stack.stop();
  }
}
