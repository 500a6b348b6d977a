import { expect, test } from 'vitest';
import {
  addRefusedUsers,
  findRefusing,
  type RefusedUsersByRoute,
} from '../../../../../src/domain/traffic/ramp/refused-users.js';

/** A generator of numbers in [0, 1) that gives the same ones each time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Looks at a route at which `share` of users are on the cube, and these shares of either side's are refused. */
function look(
  refusals: RefusedUsersByRoute,
  random: () => number,
  cube: number,
  legacy: number,
  share = 0.05,
): RefusedUsersByRoute {
  const counts = { cubeUsers: 0, cubeFailedUsers: 0, legacyUsers: 0, legacyFailedUsers: 0 };
  for (let user = 0; user < 200; user++) {
    const onCube = random() < share;
    const refused = random() < (onCube ? cube : legacy);
    if (onCube) counts.cubeUsers++;
    else counts.legacyUsers++;
    if (refused && onCube) counts.cubeFailedUsers++;
    if (refused && !onCube) counts.legacyFailedUsers++;
  }
  return addRefusedUsers(refusals, {
    'POST /api/saju/calculate': counts,
    'GET /api/saju/records/:id': { ...counts, cubeFailedUsers: 0, legacyFailedUsers: 0 },
  });
}

function looksUntilFound(seed: number, cube: number, legacy: number): number | undefined {
  const random = randomOf(seed);
  let refusals: RefusedUsersByRoute = {};
  for (let count = 1; count <= 60; count++) {
    refusals = look(refusals, random, cube, legacy);
    if (findRefusing(refusals) !== undefined) return count;
  }
  return undefined;
}

test('a cube that refuses what legacy accepts is found within a few looks, by route', () => {
  for (let seed = 1; seed <= 20; seed++) expect(looksUntilFound(seed, 0.9, 0.001)).toBeLessThanOrEqual(3);
  let refusals: RefusedUsersByRoute = {};
  for (let count = 0; count < 3; count++) refusals = look(refusals, randomOf(count + 1), 0.9, 0);
  expect(findRefusing(refusals)?.route).toBe('POST /api/saju/calculate');
});

test('users whom both sides refuse alike, however many, stop at most one ramp in a hundred', () => {
  for (const rate of [0.01, 0.2, 0.9]) {
    const stopped = Array.from({ length: 200 }, (_, seed) => looksUntilFound(seed + 1, rate, rate)).filter(Boolean);
    expect(stopped.length).toBeLessThanOrEqual(2);
  }
});

test('fewer than five refused users of the cube, whatever legacy does, are no proof', () => {
  const one = { cubeUsers: 1, cubeFailedUsers: 1, legacyUsers: 1000, legacyFailedUsers: 0 };
  let refusals: RefusedUsersByRoute = {};
  for (let count = 0; count < 4; count++) refusals = addRefusedUsers(refusals, { route: one });
  expect(findRefusing(refusals)).toBeUndefined();
  expect(findRefusing(addRefusedUsers(refusals, { route: one }))).toMatchObject({ route: 'route', users: 5 });
});

test('with no user on legacy to compare with nothing is shown', () => {
  const alone = { cubeUsers: 500, cubeFailedUsers: 500, legacyUsers: 0, legacyFailedUsers: 0 };
  expect(findRefusing(addRefusedUsers({}, { route: alone }))).toBeUndefined();
});
