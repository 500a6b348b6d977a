import type { RedisConnection } from '../redis/connection.js';

/** Which secrets of cube tokens a program knows, by their fingerprints: the one it signs with first. */
export interface SecretsReport {
  /** `<cube id>/<instance id>` for an instance of a cube. */
  readonly program: string;
  readonly fingerprints: readonly string[];
  /** Seconds since it said so. */
  readonly age: number;
}

const key = 'cubeshift:known-secrets';
/** As an instance in the registry: what was silent for so long is gone. */
const forgottenAfterSeconds = 60;

const reportScript = `
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({fingerprints = cjson.decode(ARGV[2]), at = redis.call('TIME')[1]}))`;

/**
 * Tells every second which secrets a program knows, so that whoever changes one can wait until everybody does. Never throws;
 * returns how to end it.
 */
export function reportSecrets(
  redis: RedisConnection,
  program: string,
  fingerprints: () => readonly string[],
  { everyMillis = 1000 }: { everyMillis?: number } = {},
): () => Promise<void> {
  const report = () => redis.eval(reportScript, 1, key, program, JSON.stringify(fingerprints())).then(nothing, nothing);
  let last = report();
  const timer = setInterval(() => {
    last = last.then(report);
  }, everyMillis);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await last;
    await redis.hdel(key, program).catch(nothing);
  };
}

/** What programs reported within the last minute, by their names. */
export async function readSecretsReports(redis: RedisConnection): Promise<readonly SecretsReport[]> {
  const [[now], texts] = await Promise.all([redis.time(), redis.hgetall(key)]);
  const reports = Object.entries(texts).map(([program, text]) => ({ program, ...parse(text, Number(now)) }));
  const gone = reports.filter(({ age }) => age > forgottenAfterSeconds).map(({ program }) => program);
  if (gone.length > 0) await redis.hdel(key, ...gone);
  return reports.filter(({ age }) => age <= forgottenAfterSeconds).sort((a, b) => (a.program < b.program ? -1 : 1));
}

function parse(text: string, now: number): Pick<SecretsReport, 'fingerprints' | 'age'> {
  try {
    const { fingerprints, at }: { fingerprints?: unknown; at?: unknown } = JSON.parse(text);
    const right = Array.isArray(fingerprints) && fingerprints.every((one) => typeof one === 'string');
    if (right && Number.isFinite(Number(at))) return { fingerprints, age: Math.max(0, now - Number(at)) };
  } catch {
    // What another program wrote there may be anything.
  }
  return { fingerprints: [], age: Number.POSITIVE_INFINITY };
}

function nothing(): void {}
