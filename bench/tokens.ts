import { jwtVerify } from 'jose';
import { createTokenVerifier, issueCubeToken } from '../src/auth/tokens.js';
import { median } from './statistics.js';

/** Microseconds that one check of a token takes; the median of the rounds. */
export interface TokenFigures {
  readonly tokens: number;
  /** A token never seen before. */
  readonly first: number;
  /** One that was verified and is remembered. */
  readonly again: number;
  /** The same first look by the library jose, for comparison. */
  readonly jose: number;
}

/** The checks of gateway and cubes and jose's, for the same tokens, turn by turn. */
export async function measureTokenChecks({ tokens = 5000, rounds = 5 } = {}): Promise<TokenFigures> {
  const secret = 'a secret of the benchmark, thirty-two bytes or more';
  const now = new Date();
  const key = new TextEncoder().encode(secret);
  const made = Array.from(
    { length: tokens },
    (_, place) => issueCubeToken(secret, { cubeId: `cube-${place}`, permissions: ['saju:call'] }, now).token,
  );
  const [first, again, jose]: [number[], number[], number[]] = [[], [], []];
  // The first round warms the compiler and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const verifier = createTokenVerifier({ current: secret }, () => now);
    // As a request brings them: a text of its own each time, whose hash is not known yet.
    const copies = made.map((token) => Buffer.from(token).toString('latin1'));
    const taken = [
      await microsOf(tokens, () => copies.forEach((token) => void verifier.verify(token))),
      await microsOf(tokens, () => made.forEach((token) => void verifier.verify(token))),
      await microsOf(tokens, async () => {
        for (const token of made) await jwtVerify(token, key, { algorithms: ['HS256'], issuer: 'heal7-security-cube' });
      }),
    ] as const;
    if (round === 0) continue;
    first.push(taken[0]);
    again.push(taken[1]);
    jose.push(taken[2]);
  }
  return { tokens, first: median(first), again: median(again), jose: median(jose) };
}

async function microsOf(count: number, work: () => void | Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return ((performance.now() - begun) * 1000) / count;
}
