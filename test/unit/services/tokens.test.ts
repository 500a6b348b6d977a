import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../src/failures.js';
import { issueCubeToken, verifyCubeToken } from '../../../src/services/tokens.js';

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

/** A token as another language's library makes it: written after RFC 7515, with nothing of the engine. */
function handMade(
  payload: unknown,
  { header = { alg: 'HS256', typ: 'JWT' } as unknown, key = secret, hash = 'sha256' } = {},
) {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}

async function answerTo(token: string, at = now): Promise<unknown> {
  try {
    return await verifyCubeToken(secret, token, at);
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
  test('can be checked by any library: three parts, HS256, the five claims', async () => {
    const { token, expiresAt } = await issueCubeToken(secret, { cubeId: 'saju-cube', permissions: ['a', 'b'] }, now);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const decode = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(decode(header)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(decode(payload)).toEqual({ ...claims, permissions: ['a', 'b'] });
    expect(signature).toBe(createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'));
    expect(expiresAt.getTime()).toBe((issued + 3600) * 1000);
  });

  test('says who it belongs to until its hour is over', async () => {
    const identity = { cubeId: '사주-cube', permissions: ['migration:read', 'records:read'] };
    const { token } = await issueCubeToken(secret, identity, now);
    expect(await answerTo(token)).toEqual(identity);
    expect(await answerTo(token, new Date((issued + 3600) * 1000 - 1001))).toEqual(identity);
    expect(await answerTo(token, new Date((issued + 3600) * 1000))).toBe('Token expired');
  });

  test('may hold no permission at all', async () => {
    const { token } = await issueCubeToken(secret, { cubeId: 'a', permissions: [] }, now);
    expect(await answerTo(token)).toEqual({ cubeId: 'a', permissions: [] });
  });
});

describe('a token of another library', () => {
  test('passes', async () => {
    expect(await answerTo(handMade(claims))).toEqual({ cubeId: 'saju-cube', permissions: ['migration:read'] });
    expect(await answerTo(handMade({ ...claims, extra: 1 }, { header: { typ: 'JWT', alg: 'HS256' } }))).toBeTypeOf(
      'object',
    );
    expect(await answerTo(handMade(claims, { header: { alg: 'HS256' } }))).toBeTypeOf('object');
  });

  test('right in all but its time is expired', async () => {
    const old = handMade(claims);
    expect(await answerTo(old, later(3600))).toBe('Token expired');
    expect(await answerTo(old, later(10 * 365 * 86_400))).toBe('Token expired');
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
  ['cube_id a number', handMade({ ...claims, cube_id: 7 })],
  ['permissions a text', handMade({ ...claims, permissions: 'migration:write' })],
  ['permissions of objects', handMade({ ...claims, permissions: [{}] })],
  ['permissions null', handMade({ ...claims, permissions: null })],
  ['exp a text', handMade({ ...claims, exp: String(issued + 3600) })],
  ['iat a text', handMade({ ...claims, iat: String(issued) })],
  ['exp a second past the hour', handMade({ ...claims, exp: issued + 3601 })],
  ['exp a year ahead', handMade({ ...claims, exp: issued + 365 * 86_400 })],
  ['exp past all numbers', handMade({ ...claims, exp: 1e308 })],
  ['nbf in the future', handMade({ ...claims, nbf: issued + 60 })],
  ['a payload that is no object', handMade([claims])],
  ['a payload that is null', handMade(null)],
  ['a hundred thousand bytes, well signed', handMade({ ...claims, extra: 'x'.repeat(100_000) })],
  ['a hundred thousand dots', '.'.repeat(100_000)],
  ['no text', ''],
  ['two parts', handMade(claims).split('.').slice(0, 2).join('.')],
  ['four parts', `${handMade(claims)}.x`],
  ['white space around', ` ${handMade(claims)} `],
];

describe('an invalid token', () => {
  test.each(wrong)('%s', async (_name, token) => {
    expect(await answerTo(token)).toBe('Invalid token');
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
  ])('stays invalid when it is expired, too: %s', async (_name, token) => {
    expect(await answerTo(token, later(7200))).toBe('Invalid token');
  });

  test('is what any change of the signed parts makes', async () => {
    const { token } = await issueCubeToken(secret, { cubeId: 'saju-cube', permissions: ['migration:read'] }, now);
    // The last letter of a signature holds two bits that mean nothing.
    const places = fc.nat(token.length - 2);
    await fc.assert(
      fc.asyncProperty(places, fc.constantFrom(...'abcXYZ019-_.'), async (place, letter) => {
        fc.pre(token[place] !== letter);
        expect(await answerTo(token.slice(0, place) + letter + token.slice(place + 1))).toBe('Invalid token');
      }),
      { numRuns: 500 },
    );
  });

  test('is any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        expect(await answerTo(text)).toBe('Invalid token');
      }),
    );
  });
});
