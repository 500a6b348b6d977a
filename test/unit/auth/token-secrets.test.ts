import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createHopTokens } from '../../../src/auth/hop-tokens.js';
import { LoadedSecrets, secretsPollMillis } from '../../../src/auth/token-secrets.js';
import { createTokenVerifier, issueCubeToken } from '../../../src/auth/tokens.js';

const one = 'secret one, of thirty-two bytes or more';
const two = 'secret two, of thirty-two bytes or more';
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-secrets-'));
const path = join(folder, 'token-secrets.json');
const made: LoadedSecrets[] = [];

beforeEach(() => void vi.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') }));
afterEach(() => {
  vi.useRealTimers();
  for (const known of made.splice(0)) known.close();
  rmSync(path, { force: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(content: unknown): void {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

function know(alarms: string[] = []): LoadedSecrets {
  const known = new LoadedSecrets(
    { CUBE_JWT_SECRET: one, TOKEN_SECRETS_FILE: path },
    () => new Date(),
    (sentence) => alarms.push(sentence),
  );
  made.push(known);
  return known;
}

const look = () => vi.advanceTimersByTime(secretsPollMillis);

test('without a file the variables say it, and a file that comes outranks them, kind by kind', () => {
  const known = know();
  expect(known.cube).toEqual({ current: one, previous: '' });
  write({ cube: { current: two, previous: one } });
  look();
  expect([known.cube, known.user]).toEqual([
    { current: two, previous: one },
    { current: '', previous: '' },
  ]);
});

test('a previous secret becomes invalid at its time, for running programs and for later starts', () => {
  write({ cube: { current: two, previous: one, previous_until: '2026-01-01T01:00:00Z' } });
  const known = know();
  expect(known.cube.previous).toBe(one);
  vi.advanceTimersByTime(3_600_000 + secretsPollMillis);
  expect([known.cube.previous, know().cube.previous]).toEqual(['', '']);
});

test('in the two steps of a change no program refuses a valid token, whichever steps it knows', () => {
  const steps = [
    { cube: { current: one } },
    { cube: { current: one, previous: two } },
    { cube: { current: two, previous: one, previous_until: '2026-01-01T01:01:00Z' } },
  ];
  const at = (step: number) => {
    write(steps[step]);
    return know();
  };
  for (let step = 0; step + 1 < steps.length; step++) {
    const [behind, ahead] = [at(step), at(step + 1)];
    for (const [signer, checker] of [
      [behind, ahead],
      [ahead, behind],
    ] as const) {
      const { token } = issueCubeToken(signer.cube.current, { cubeId: 'x', permissions: [] }, new Date());
      expect(createTokenVerifier(checker.cube, () => new Date()).verify(token).cubeId).toBe('x');
    }
  }
});

test('tokens verified with a removed secret are verified again, and cubes sign new ones', () => {
  const known = know();
  const tokens = createTokenVerifier(known.cube, () => new Date());
  known.onChange(({ cube }) => tokens.useSecrets(cube));
  const hop = createHopTokens(
    'api-gateway-cube',
    () => known.cube.current,
    () => new Date(),
  );
  const before = hop('saju');
  expect(tokens.verify(before).permissions).toEqual(['saju:call']);
  write({ cube: { current: two } });
  look();
  expect(() => tokens.verify(before)).toThrow('Invalid token');
  expect(tokens.verify(hop('saju')).permissions).toEqual(['saju:call']);
});

test('a file that goes away brings no former secret back', () => {
  write({ cube: { current: two } });
  const alarms: string[] = [];
  const known = know(alarms);
  rmSync(path);
  look();
  look();
  expect(known.cube.current).toBe(two);
  expect(alarms).toEqual(['The file that TOKEN_SECRETS_FILE names is gone.']);
});

describe('a file that is wrong', () => {
  const wrong = [
    'no json',
    '[1]',
    'null',
    { cubes: { current: two } },
    { cube: two },
    { cube: { current: 'short-secret' } },
    { cube: { current: two, previous: 'short-secret' } },
    { cube: { current: two, previous: one, previous_until: 'soon' } },
    { cube: { current: two, next: one } },
  ];
  test.each(wrong.map((content) => [content]))(
    'such as %j stops a start, without a secret in what it says',
    (content) => {
      write(content);
      expect(know).toThrow(/^The file that TOKEN_SECRETS_FILE names /);
      expect(know).not.toThrow(/secret (one|two)|short-secret/);
    },
  );

  test.each(wrong.map((content) => [content]))(
    'such as %j changes nothing for a running program, with one alarm',
    (content) => {
      const alarms: string[] = [];
      const known = know(alarms);
      write(content);
      look();
      look();
      expect(known.cube).toEqual({ current: one, previous: '' });
      expect(alarms).toHaveLength(1);
      write({ cube: { current: two } });
      look();
      expect(known.cube.current).toBe(two);
    },
  );
});
