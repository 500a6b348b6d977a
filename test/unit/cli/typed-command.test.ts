import { expect, test } from 'vitest';
import { asTyped, calledAs } from '../../../src/cli/typed-command.js';

test.each([
  ['by its name', {}, 'cubeshift'],
  ['through npx', { npm_lifecycle_event: 'npx', npm_lifecycle_script: "'cubeshift'" }, 'npx cubeshift'],
  ['through npx with words', { npm_lifecycle_event: 'npx', npm_lifecycle_script: 'cubeshift up' }, 'npx cubeshift'],
  ['by a program that npx runs', { npm_lifecycle_event: 'npx', npm_lifecycle_script: 'vitest run' }, 'cubeshift'],
  ['by a script of a package', { npm_lifecycle_event: 'demo', npm_lifecycle_script: 'cubeshift up' }, 'cubeshift'],
])('a program that is called %s is named so', (_, environment, called) => {
  expect(calledAs(environment)).toBe(called);
});

test.each([
  [
    'Start it with `cubeshift up`, or see `cubeshift migrate list`.',
    'Start it with `npx cubeshift up`, or see `npx cubeshift migrate list`.',
  ],
  ['Type `eval "$(cubeshift env)"`.', 'Type `eval "$(npx cubeshift env)"`.'],
  ['next: cubeshift status\n      what it does', 'next: npx cubeshift status\n      what it does'],
  ['! It is away.\n    cubeshift logs redis', '! It is away.\n    npx cubeshift logs redis'],
  ['\nExample:\n  cubeshift up --detach', '\nExample:\n  npx cubeshift up --detach'],
  ['variables        cubeshift env', 'variables        npx cubeshift env'],
])('a command in %j is shown as it is typed', (text, expected) => {
  expect(asTyped(text, 'npx cubeshift')).toBe(expected);
  expect(asTyped(text, 'cubeshift')).toBe(text);
});

test.each([
  'cubeshift 0.1.0, commit 8b5693b, Node.js 20.20.2',
  'Type `npx cubeshift up`.',
  '/home/you/.cache/cubeshift is full',
  'fetching it (once; kept in /home/you/.cache/cubeshift)',
  'moves a monolith; cubeshift does',
])('%j names no command, and stays as it is', (text) => {
  expect(asTyped(text, 'npx cubeshift')).toBe(text);
});
