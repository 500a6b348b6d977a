import type { RedisConnection } from '../redis/connection.js';
import { secretReportsKey } from '../redis/keys.js';
import { recordSecretsReport } from '../redis/scripts/report-secrets.js';

/** Which secrets of cube tokens a program knows, by their fingerprints: the one it signs with first. */
export interface SecretsReport {
  /** `<cube id>/<instance id>` for an instance of a cube. */
  readonly program: string;
  readonly fingerprints: readonly string[];
  /** Seconds since the report. */
  readonly age: number;
}

/** As for an instance of the registry: an older report is of a program that has ended. */
const reportTtlSeconds = 60;

/**
 * Reports every second which secrets a program knows, so that a change of a secret can wait for all programs. Never throws;
 * returns a function that stops it.
 */
export function reportSecrets(
  redis: RedisConnection,
  program: string,
  fingerprints: () => readonly string[],
  { everyMillis = 1000 }: { everyMillis?: number } = {},
): () => Promise<void> {
  const report = () => recordSecretsReport(redis, program, fingerprints()).then(ignore, ignore);
  let last = report();
  const timer = setInterval(() => {
    last = last.then(report);
  }, everyMillis);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await last;
    await redis.hdel(secretReportsKey, program).catch(ignore);
  };
}

/** What programs reported within the last minute, by their names. */
export async function readSecretsReports(redis: RedisConnection): Promise<readonly SecretsReport[]> {
  const [[now], texts] = await Promise.all([redis.time(), redis.hgetall(secretReportsKey)]);
  const reports = Object.entries(texts).map(([program, text]) => ({ program, ...parse(text, Number(now)) }));
  const gone = reports.filter(({ age }) => age > reportTtlSeconds).map(({ program }) => program);
  if (gone.length > 0) await redis.hdel(secretReportsKey, ...gone);
  return reports.filter(({ age }) => age <= reportTtlSeconds).sort((a, b) => (a.program < b.program ? -1 : 1));
}

function parse(text: string, now: number): Pick<SecretsReport, 'fingerprints' | 'age'> {
  try {
    const { fingerprints, at }: { fingerprints?: unknown; at?: unknown } = JSON.parse(text);
    const right = Array.isArray(fingerprints) && fingerprints.every((one) => typeof one === 'string');
    if (right && Number.isFinite(Number(at))) return { fingerprints, age: Math.max(0, now - Number(at)) };
  } catch {
    // Another program may have written anything there.
  }
  return { fingerprints: [], age: Number.POSITIVE_INFINITY };
}

function ignore(): void {}
