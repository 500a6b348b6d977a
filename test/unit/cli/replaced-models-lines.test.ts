import { expect, test } from 'vitest';
import type { CubeView } from '../../../src/api/cubes.js';
import { replacedModelsLines } from '../../../src/cli/replaced-models-lines.js';
import type { MigrationView } from '../../../src/domain/migration/migration.js';

type Replaced = CubeView['instances'][number]['replaced_models'];

const cube = (...said: readonly Replaced[]) =>
  ({ cube_id: 'ai-cube', instances: said.map((replaced_models) => ({ replaced_models })) }) as unknown as CubeView;
const run = (kind: string, id: string, ...actions: readonly string[]) =>
  ({ kind, id, actions }) as unknown as MigrationView;
const verifiable = run('ai-models', 'one', 'complete', 'verify');

test('says nothing where no model was replaced, and where it is not known', () => {
  for (const view of [cube(), cube(null), cube({ count: 0, names: [] }, null)])
    expect(replacedModelsLines(view, [verifiable])).toEqual([]);
});

test('names the models, as the instance says that found most, and the run that accepts a verification', () => {
  const view = cube(null, { count: 1, names: ['a'] }, { count: 5, names: ['a', 'b'] });
  const others = [run('saju-records', 'rows', 'verify'), run('ai-models', 'newer')];
  expect(replacedModelsLines(view, [...others, verifiable])).toEqual([
    'ai-cube: legacy has replaced 5 models since they were moved: a, b and 3 more (requests go to legacy); verify the migration: cubeshift migrate verify one',
  ]);
});

test('names no migration where none accepts a verification, such as after it was completed', () => {
  expect(replacedModelsLines(cube({ count: 1, names: ['a'] }), [run('ai-models', 'one')])).toEqual([
    'ai-cube: legacy has replaced 1 model since it was moved: a (requests go to legacy); see what the cube has: cubeshift models list',
  ]);
});
