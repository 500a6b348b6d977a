import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../../src/auth/tokens.js';
import { createUserTokenVerifier } from '../../../src/auth/user-tokens.js';
import { Failure } from '../../../src/base/failures.js';

const secret = 'a secret of the tests, thirty-two bytes or more';
const now = new Date('2026-01-01T00:00:00.500Z');
const issued = Math.floor(now.getTime() / 1000);
const claims = {
  cube_id: 'saju-cube',
  permissions: ['migration:read'],
  iat: issued,
  exp: issued + 3600,
  iss: 'heal7-security-cube',
};

const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** Made with PyJWT 2.10.1: `jwt.encode(claims, secret, algorithm='HS256')`. */
const pyjwtToken = [
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9',
  'eyJjdWJlX2lkIjoic2FqdS1jdWJlIiwicGVybWlzc2lvbnMiOlsibWlncmF0aW9uOnJlYWQiXSwiaWF0IjoxNzY3MjI1NjAwLCJleHAiOjE3NjcyMjkyMDAsImlzcyI6ImhlYWw3LXNlY3VyaXR5LWN1YmUifQ',
  'ARVrCCLLJJWs417GxmZNKk26La6Wl0AMCGkSY1Swpjc',
].join('.');

/** A token as another language's library makes it: written after RFC 7515, with nothing of the engine. */
function handMade(
  payload: unknown,
  { header = { alg: 'HS256', typ: 'JWT' } as unknown, key = secret, hash = 'sha256' } = {},
) {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}

let clock = now;
const verifier = createTokenVerifier({ current: secret }, () => clock);

/** What comes of a token at a time: whom it speaks for, or the sentence of its refusal. */
function answerTo(token: string, at = now, tokens: { verify(token: string): unknown } = verifier): unknown {
  clock = at;
  try {
    return tokens.verify(token);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.type).toBe('unauthorized');
    return error.message;
  }
}

const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const without = (name: keyof typeof claims) =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

describe('an issued token', () => {
  test('can be checked by any library: three parts, HS256, the five claims', () => {
    const { token, expiresAt } = issueCubeToken(secret, { cubeId: 'saju-cube', permissions: ['a', 'b'] }, now);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const decode = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(decode(header)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(decode(payload)).toEqual({ ...claims, permissions: ['a', 'b'] });
    expect(signature).toBe(createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'));
    expect(expiresAt.getTime()).toBe((issued + 3600) * 1000);
  });

  test('says who it belongs to until its hour is over', () => {
    const identity = { cubeId: '사주-cube', permissions: ['migration:read', 'records:read'] };
    const { token } = issueCubeToken(secret, identity, now);
    expect(answerTo(token)).toEqual(identity);
    expect(answerTo(token, new Date((issued + 3600) * 1000 - 1001))).toEqual(identity);
    expect(answerTo(token, new Date((issued + 3600) * 1000))).toBe('Token expired');
  });

  test('may hold no permission at all', () => {
    const { token } = issueCubeToken(secret, { cubeId: 'a', permissions: [] }, now);
    expect(answerTo(token)).toEqual({ cubeId: 'a', permissions: [] });
  });
});

describe('a token of another library', () => {
  test('passes', () => {
    expect(answerTo(handMade(claims))).toEqual({ cubeId: 'saju-cube', permissions: ['migration:read'] });
    expect(answerTo(handMade({ ...claims, extra: 1 }, { header: { typ: 'JWT', alg: 'HS256' } }))).toBeTypeOf('object');
    expect(answerTo(handMade(claims, { header: { alg: 'HS256' } }))).toBeTypeOf('object');
  });

  test('of PyJWT passes', () => {
    expect(answerTo(pyjwtToken)).toEqual({ cubeId: 'saju-cube', permissions: ['migration:read'] });
  });

  test('whose clock is a little ahead passes', () => {
    expect(answerTo(handMade({ ...claims, nbf: issued + 60, iat: issued + 60 }))).toBeTypeOf('object');
  });

  test('right in all but its time is expired', () => {
    const old = handMade(claims);
    expect(answerTo(old, later(3600))).toBe('Token expired');
    expect(answerTo(old, later(10 * 365 * 86_400))).toBe('Token expired');
  });
});

const wrong: readonly (readonly [string, string])[] = [
  ['unsigned, alg none', `${encode({ alg: 'none' })}.${encode(claims)}.`],
  ['alg none with a right signature', handMade(claims, { header: { alg: 'none' } })],
  ['alg None', `${encode({ alg: 'None' })}.${encode(claims)}.`],
  ['another key', handMade(claims, { key: `${secret}.` })],
  ['an empty key', handMade(claims, { key: '' })],
  ['HS512', handMade(claims, { header: { alg: 'HS512' }, hash: 'sha512' })],
  ['HS256 by name, SHA-512 by signature', handMade(claims, { hash: 'sha512' })],
  ['RS256 by name', handMade(claims, { header: { alg: 'RS256' } })],
  ['no alg', handMade(claims, { header: {} })],
  ['a critical extension', handMade(claims, { header: { alg: 'HS256', crit: ['x'], x: 1 } })],
  ['another issuer', handMade({ ...claims, iss: 'heal7' })],
  ['a user token of the same key', handMade({ sub: 'user-1', iss: 'heal7-users', exp: issued + 3600 })],
  ['a user token with the claims of a cube', handMade({ ...claims, iss: 'heal7-users', sub: 'user-1' })],
  ['two issuers', handMade({ ...claims, iss: ['heal7-security-cube', 'heal7-users'] })],
  ...(['cube_id', 'permissions', 'iat', 'exp', 'iss'] as const).map(
    (name) => [`no ${name}`, handMade(without(name))] as const,
  ),
  ['cube_id empty', handMade({ ...claims, cube_id: '' })],
  ...['a b', '-a', 'a\n', 'a\u001b]0;x\u0007', 'a\u009b31m', 'a/b', 'a\u202eb', 'x'.repeat(201)].map(
    (odd) => [`cube_id ${JSON.stringify(odd)}`, handMade({ ...claims, cube_id: odd })] as const,
  ),
  ['cube_id a number', handMade({ ...claims, cube_id: 7 })],
  ['permissions a text', handMade({ ...claims, permissions: 'migration:write' })],
  ['permissions of objects', handMade({ ...claims, permissions: [{}] })],
  ['permissions null', handMade({ ...claims, permissions: null })],
  ['exp a text', handMade({ ...claims, exp: String(issued + 3600) })],
  ['iat a text', handMade({ ...claims, iat: String(issued) })],
  ['exp a second past the hour', handMade({ ...claims, exp: issued + 3601 })],
  ['exp a year ahead', handMade({ ...claims, exp: issued + 365 * 86_400 })],
  ['exp past all numbers', handMade({ ...claims, exp: 1e308 })],
  ['nbf in the future, by more than clocks differ', handMade({ ...claims, nbf: issued + 61 })],
  ['issued in the future, by more than clocks differ', handMade({ ...claims, iat: issued + 61, exp: issued + 3661 })],
  ['nbf a text', handMade({ ...claims, nbf: String(issued) })],
  ['a payload that is no object', handMade([claims])],
  ['a payload that is null', handMade(null)],
  ['a hundred thousand bytes, well signed', handMade({ ...claims, extra: 'x'.repeat(100_000) })],
  ['a hundred thousand dots', '.'.repeat(100_000)],
  ['no text', ''],
  ['two parts', handMade(claims).split('.').slice(0, 2).join('.')],
  ['four parts', `${handMade(claims)}.x`],
  ['white space around', ` ${handMade(claims)} `],
  ['padding', `${handMade(claims)}=`],
];

describe('an invalid token', () => {
  test.each(wrong)('%s', (_name, token) => {
    expect(answerTo(token)).toBe('Invalid token');
  });

  test.each([
    ['another key', handMade(claims, { key: 'another secret, thirty-two bytes or more' })],
    ['another issuer', handMade({ ...claims, iss: 'heal7-users' })],
    ['no cube_id', handMade(without('cube_id'))],
    ['no permissions', handMade(without('permissions'))],
    ['no iat', handMade(without('iat'))],
    ['permissions a text', handMade({ ...claims, permissions: 'a' })],
    ['cube_id empty', handMade({ ...claims, cube_id: '' })],
    ['more than an hour of life', handMade({ ...claims, exp: issued + 3601 })],
    ['nbf still to come', handMade({ ...claims, nbf: issued + 365 * 86_400 })],
  ])('stays invalid when it is expired, too: %s', (_name, token) => {
    expect(answerTo(token, later(7200))).toBe('Invalid token');
  });

  test('is what any change of the signed parts makes', () => {
    const { token } = issueCubeToken(secret, { cubeId: 'saju-cube', permissions: ['migration:read'] }, now);
    // The last letter of a signature holds two bits that mean nothing.
    const places = fc.nat(token.length - 2);
    fc.assert(
      fc.property(places, fc.constantFrom(...'abcXYZ019-_.'), (place, letter) => {
        fc.pre(token[place] !== letter);
        expect(answerTo(token.slice(0, place) + letter + token.slice(place + 1))).toBe('Invalid token');
      }),
      { numRuns: 500 },
    );
  });

  test('is any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(answerTo(text)).toBe('Invalid token');
      }),
    );
  });
});

describe('while the secret is being changed', () => {
  const other = 'another secret of the tests, as long as it has to be';
  const both = createTokenVerifier({ current: other, previous: secret }, () => now);

  test('tokens of the new and of the old one are valid, of no third', () => {
    expect(answerTo(handMade(claims, { key: other }), now, both)).toBeTypeOf('object');
    expect(answerTo(handMade(claims), now, both)).toBeTypeOf('object');
    expect(answerTo(handMade(claims, { key: `${other}.` }), now, both)).toBe('Invalid token');
  });

  test('an expired token of the old one is Token expired', () => {
    const old = handMade({ ...claims, iat: issued - 7200, exp: issued - 3600 });
    expect(answerTo(old, now, both)).toBe('Token expired');
  });

  test('tokens verified with the former secret are verified again', () => {
    const changing = createTokenVerifier({ current: secret, previous: '' }, () => now);
    expect(answerTo(handMade(claims), now, changing)).toBeTypeOf('object');
    changing.useSecrets({ current: other });
    expect(answerTo(handMade(claims), now, changing)).toBe('Invalid token');
    expect(answerTo(handMade(claims, { key: other }), now, changing)).toBeTypeOf('object');
  });

  test('an empty secret is none: it verifies nothing', () => {
    for (const secrets of [{ current: '' }, { current: '', previous: '' }, { current: secret, previous: '' }])
      expect(
        answerTo(
          handMade(claims, { key: '' }),
          now,
          createTokenVerifier(secrets, () => now),
        ),
      ).toBe('Invalid token');
  });
});

describe('a verified token', () => {
  test('is cached until it expires, and not longer', () => {
    const token = handMade(claims);
    const first = answerTo(token);
    expect(answerTo(token)).toBe(first);
    expect(answerTo(token, new Date((issued + 3600) * 1000 - 1))).toBe(first);
    expect(answerTo(token, new Date((issued + 3600) * 1000))).toBe('Token expired');
    expect(answerTo(token, new Date((issued + 3600) * 1000 + 1))).toBe('Token expired');
  });
});

describe('a user token', () => {
  const userSecret = "the secret of HEAL7's login, which is another one";
  const users = createUserTokenVerifier({ current: userSecret }, () => clock);
  const user = { sub: '사용자-1', iss: 'heal7-users', exp: issued + 86_400 };
  const answerToUser = (payload: unknown, options: { key?: string; at?: Date } = {}) =>
    answerTo(handMade(payload, { key: options.key ?? userSecret }), options.at, users);

  test('says who the user is; nothing but issuer, subject and end is needed', () => {
    expect(answerToUser(user)).toEqual({ userId: '사용자-1' });
    expect(answerToUser({ ...user, iat: issued + 60, aud: 'x' })).toEqual({ userId: '사용자-1' });
    expect(answerToUser(user, { at: later(86_400) })).toBe('Token expired');
  });

  test('that is wrong in anything else is invalid', () => {
    for (const [wrongClaims, key] of [
      [{ ...user, iss: 'heal7-security-cube' }],
      [{ ...user, sub: '' }],
      [{ ...user, sub: 7 }],
      [{ iss: 'heal7-users', exp: user.exp }],
      [{ sub: 'user-1', iss: 'heal7-users' }],
      [{ ...user, iat: issued + 61 }],
      [{ ...user, nbf: issued + 61 }],
      [user, secret],
    ] as const)
      expect(answerToUser(wrongClaims, { key: key ?? userSecret })).toBe('Invalid token');
  });

  test('and a cube token never pass as each other, whatever they claim', () => {
    const all = { ...claims, ...user, iat: issued, exp: claims.exp };
    expect(answerToUser({ ...all, iss: claims.iss })).toBe('Invalid token');
    expect(answerTo(handMade({ ...all, iss: user.iss }))).toBe('Invalid token');
  });

  test('is refused while there is no secret for it', () => {
    expect(
      answerTo(
        handMade(user, { key: '' }),
        now,
        createUserTokenVerifier({ current: '' }, () => now),
      ),
    ).toBe('Invalid token');
  });
});
