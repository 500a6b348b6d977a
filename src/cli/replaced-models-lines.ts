import type { CubeView } from '../api/cubes.js';
import { kindsOf } from '../domain/catalog.js';
import type { MigrationView } from '../domain/migration/migration.js';

/**
 * A line where legacy has replaced models since they were moved: requests for them go to legacy. It ends with the command that moves
 * the new ones, where a run accepts it. Empty where there are none, and where the cube does not say.
 */
export function replacedModelsLines(
  { cube_id, instances }: CubeView,
  migrations: readonly MigrationView[],
): readonly string[] {
  const [most] = instances
    .flatMap(({ replaced_models }) => (replaced_models === null ? [] : [replaced_models]))
    .sort((a, b) => b.count - a.count);
  if (most === undefined || most.count === 0) return [];
  const { count, names } = most;
  const replaced = count === 1 ? '1 model since it was moved' : `${count} models since they were moved`;
  const others = count > names.length ? ` and ${count - names.length} more` : '';
  const run = migrations.find(({ kind, actions }) => kindsOf(cube_id).includes(kind) && actions.includes('verify'));
  const next =
    run === undefined
      ? '; see what the cube has: cubeshift models list'
      : `; verify the migration: cubeshift migrate verify ${run.id}`;
  return [`${cube_id}: legacy has replaced ${replaced}: ${names.join(', ')}${others} (requests go to legacy)${next}`];
}
