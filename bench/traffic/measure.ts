import { SteadyUsers } from '../../demo/steady-users.js';
import { packageVersion } from '../../src/package-root.js';
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

export interface TrafficFigures {
  readonly options: TrafficOptions;
  readonly routing: RoutingFigures;
  readonly tokens: TokenFigures;
  readonly saju: SajuFigures;
  readonly automatic: readonly Trial[];
  readonly emergency: readonly Trial[];
  readonly minutes: number;
}

/** No trial of a kind begins later than this after the start of the part. */
const latestMillis = { automatic: 5.5 * 60_000, emergency: 11 * 60_000 } as const;

/** What decisions, tokens and charts cost, then rollbacks on a whole stack. */
export async function measureTraffic(options: TrafficOptions, log: (text: string) => void): Promise<TrafficFigures> {
  const started = performance.now();
  const routing = measureRouting();
  const tokens = await measureTokenChecks();
  const saju = measureSajuCharts();
  let interrupted = false;
  const giveUp = () => {
    interrupted = true;
    log('stopping after this trial');
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, giveUp);
  const stack = await TrafficStack.start(log);
  const repeat = async (
    name: keyof typeof latestMillis,
    trial: (number: number) => Promise<Trial>,
  ): Promise<readonly Trial[]> => {
    const done: Trial[] = [];
    const isTime = () => performance.now() - started < latestMillis[name];
    for (let number = 0; number < options.trials && (number === 0 || isTime()); number++) {
      if (interrupted) throw new Error('stopped');
      const one = await trial(number);
      done.push(one);
      const reason = one.reason === null ? '' : `, ${one.reason}`;
      log(`  ${name} ${number + 1}: ${one.millis} ms, ${one.failures} of ${one.requests} failed${reason}`);
    }
    return done;
  };
  try {
    const population = await stack.users(usersAtOnce * options.trials);
    await setWeight(stack, 0);
    await deploy(stack, badVersion);
    const automatic = await repeat('automatic', (number) =>
      automaticTrial(stack, population.slice(number * usersAtOnce, (number + 1) * usersAtOnce)),
    );
    await deploy(stack, packageVersion());
    await setWeight(stack, 100);
    const users = new SteadyUsers(stack.gatewayUrl, population.slice(0, usersAtOnce), requestsPerSecond);
    try {
      const emergency = await repeat('emergency', () => emergencyTrial(stack, users));
      const minutes = (performance.now() - started) / 60_000;
      return { options, routing, tokens, saju, automatic, emergency, minutes };
    } finally {
      await users.stop();
    }
  } finally {
    // Half a stack must not be left behind by an impatient second signal.
    await stack.stop();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, giveUp);
  }
}
