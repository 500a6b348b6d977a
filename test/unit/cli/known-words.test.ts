import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Failure } from '../../../src/base/failures.js';
import { packageRoot } from '../../../src/base/package-root.js';
import { misspelledVariables } from '../../../src/cli/known-words.js';
import { allCommands, createProgram } from '../../../src/cli/program.js';
import { knownPermissions } from '../../../src/domain/permissions.js';

function silentProgram() {
  return createProgram({
    json: () => undefined,
    line: () => undefined,
    print: () => undefined,
    copy: () => undefined,
    talk: () => undefined,
  });
}

function failureOf(...words: readonly string[]): Failure {
  const program = silentProgram();
  try {
    program.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it was taken');
}

test.each([
  [
    ['migrate', 'start', 'saju-record'],
    'There is no kind saju-record.',
    /^Did you mean saju-records\? The kinds are saju-/,
  ],
  [['migrate', 'start', 'users'], 'There is no kind users.', /^The kinds are saju-records/],
  [['traffic', 'get', 'sajy'], 'There is no cube sajy.', /^Did you mean saju\? The cubes are saju, /],
  [['traffic', 'ramp', 'saju-cub'], 'There is no cube saju-cub.', /^Did you mean saju-cube\? The cubes are saju, ai, /],
  [['traffic', 'get', 'frontend-cube'], 'There is no cube frontend-cube.', /^The cubes are saju, ai, /],
  [['cubes', 'deploy', 'saju-cub', '1'], 'There is no cube saju-cub.', /^Did you mean saju-cube\? The cubes are api-/],
  [['release', 'list', 'sauj-cube'], 'There is no cube sauj-cube.', /^Did you mean saju-cube\? /],
])('%j is refused with the near word before anything is called', (words, message, hint) => {
  expect(failureOf(...words)).toMatchObject({ type: 'invalid_input', message, hint: expect.stringMatching(hint) });
});

test.each(['get', 'set', 'ramp', 'stop'])('`traffic %s` takes the name of a cube and its id', (name) => {
  for (const cube of ['saju', 'saju-cube', 'ai', 'ai-cube']) {
    const program = silentProgram();
    const command = allCommands(program).find((known) => known.parent?.name() === 'traffic' && known.name() === name);
    command?.action(() => undefined);
    program.parse(['traffic', name, cube], { from: 'user' });
    expect(command?.args).toEqual([cube]);
  }
});

test.each([
  [
    { LEGACY_DATABSE_URL: 'x' },
    ['LEGACY_DATABSE_URL is set, and no program reads it; did you mean LEGACY_DATABASE_URL?'],
  ],
  [{ REDIS_URI: 'x' }, ['REDIS_URI is set, and no program reads it; did you mean REDIS_URL?']],
  // The right one is set: another program may read the other.
  [{ REDIS_URI: 'x', REDIS_URL: 'redis://h' }, []],
  [{ PATH: '/bin', HOME: '/', DATABASE_URL: 'x', REDIS_URL: '', LOG_LEVEL: 'info' }, []],
])('of %j the misspelled names are said', (environment, said) => {
  expect(misspelledVariables(environment)).toEqual(said);
});

test('every permission that a program asks for is known', () => {
  const source = join(packageRoot(), 'src');
  const asked = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join(source, file), 'utf8').matchAll(/\.require\('([^']+)'\)/g)])
    .map(([, permission = '']) => permission);
  expect(asked.length).toBeGreaterThan(10);
  expect(knownPermissions).toEqual(expect.arrayContaining([...new Set(asked)]));
});
