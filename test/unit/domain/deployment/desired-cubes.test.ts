import { expect, test } from 'vitest';
import {
  checkHeld,
  claimCube,
  firstDesired,
  releaseCube,
  withWanted,
} from '../../../../src/domain/deployment/desired-cubes.js';

const cube = firstDesired('1.0');
const held = claimCube(cube, { id: 'deployment/saju-cube/1', kind: 'deployment' });
const ofTheRun = (of: typeof cube) => () => checkHeld(of, 'deployment/saju-cube/1');

test('a step of the run that holds the cube is let through', () => {
  expect(ofTheRun(held)).not.toThrow();
});

test('a step is refused once another run holds the cube, and also after that one has ended', () => {
  const taken = claimCube(held, { id: 'rollback/saju-cube/1', kind: 'rollback' });
  expect(ofTheRun(taken)).toThrow(expect.objectContaining({ type: 'conflict' }));
  expect(ofTheRun(releaseCube(taken, 'rollback/saju-cube/1'))).toThrow(expect.objectContaining({ type: 'conflict' }));
});

test('a step that comes after the end of its own run is refused', () => {
  expect(ofTheRun(releaseCube(held, 'deployment/saju-cube/1'))).toThrow(expect.objectContaining({ type: 'conflict' }));
});

const rollback = { id: 'rollback/saju-cube/1', kind: 'rollback' } as const;
const deployment = { id: 'deployment/saju-cube/1', kind: 'deployment' } as const;
const next = { id: 'deployment/saju-cube/2', kind: 'deployment' } as const;
const refused = expect.objectContaining({ type: 'conflict' });

test('a step that takes the cube may be repeated while its run is at work', () => {
  expect(claimCube(held, deployment)).toEqual(held);
});

test.each([
  ['ended', releaseCube(claimCube(cube, rollback), rollback.id), rollback],
  ['ended, another holding it by now', claimCube(releaseCube(claimCube(cube, rollback), rollback.id), next), rollback],
  ['ended without ever having held it', releaseCube(cube, rollback.id), rollback],
  ['lost it to a rollback', releaseCube(claimCube(held, rollback), rollback.id), deployment],
  [
    'was ended by force, and followed by another',
    claimCube(claimCube(cube, rollback), { ...rollback, id: 'rollback/2' }),
    rollback,
  ],
])('a run that %s does not get the cube again', (_what, of, late) => {
  expect(() => claimCube(of, late)).toThrow(refused);
});

test('putting back what was wanted does not bring an ended run back', () => {
  const ended = releaseCube(claimCube(cube, rollback), rollback.id);
  expect(() => claimCube(withWanted(claimCube(ended, next), cube), rollback)).toThrow(refused);
});

test('of the runs that ended the last fifty are kept', () => {
  let many = cube;
  for (let run = 1; run <= 60; run++) many = releaseCube(many, `deployment/${run}`);
  expect(many.ended).toHaveLength(50);
  expect(many.ended?.at(-1)).toBe('deployment/60');
});
