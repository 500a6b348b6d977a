import { setTimeout as sleep } from 'node:timers/promises';

/** A program as the control API reports it. */
export interface ProgramFingerprints {
  readonly program: string;
  /** Of the secrets it knows, the one it signs with first. */
  readonly fingerprints: readonly string[];
}

export interface FingerprintWait {
  /** The programs there are now. */
  readonly read: () => Promise<readonly ProgramFingerprints[]>;
  /** Drops the former secret. */
  readonly forget: () => void;
  /** Of the secret that stays. */
  readonly fingerprint: string;
  /** How long programs have to say that they sign with it, and then that they know no other. */
  readonly knownMillis: number;
  readonly forgottenMillis: number;
  /** How long one read may take. */
  readonly readMillis?: number;
}

const pollMillis = 250;

/**
 * Drops a former secret once every program says that it signs with the one that stays, or its time is over, and waits until
 * they say that they know no other. Returns the names of those that did not say so.
 */
export async function forgetWhenAllReport(forgetting: FingerprintWait): Promise<readonly string[]> {
  const { forget, fingerprint, knownMillis, forgottenMillis } = forgetting;
  const late = await without(forgetting, ({ fingerprints }) => fingerprints[0] === fingerprint, knownMillis);
  forget();
  const still = await without(
    forgetting,
    ({ program, fingerprints }) => late.includes(program) || fingerprints.every((one) => one === fingerprint),
    forgottenMillis,
  );
  return [...new Set([...late, ...still])];
}

/** The programs that are still not, when the time is over, as `isRight` says. */
async function without(
  { read, readMillis = 2000 }: FingerprintWait,
  isRight: (program: ProgramFingerprints) => boolean,
  millis: number,
): Promise<readonly string[]> {
  const deadline = performance.now() + millis;
  for (;;) {
    const programs = await Promise.race([read(), sleep(readMillis, undefined, { ref: false })]).catch(() => undefined);
    // A program that cannot be seen at all counts as late as the control API, which should have reported it.
    const wrong = programs === undefined ? ['control'] : programs.filter((one) => !isRight(one)).map(nameOf);
    if (wrong.length === 0 || performance.now() >= deadline) return wrong;
    await sleep(pollMillis);
  }
}

function nameOf({ program }: ProgramFingerprints): string {
  return program;
}
