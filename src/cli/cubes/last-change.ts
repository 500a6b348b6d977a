import type { CubeView } from '../../api/cubes.js';
import type { DeploymentAnswer } from '../../api/deployments.js';
import type { MigrationList } from '../../api/migrations.js';
import type { ControlClient } from '../control-client.js';
import { oneLine } from '../one-line.js';
import type { Output } from '../output.js';
import { replacedModelsLines } from '../replaced-models-lines.js';
import { pathOf } from './cube-path.js';

/** Prints the last change of a cube with its steps, and the models of it that legacy has replaced. */
export async function showLastChange(
  client: ControlClient,
  cube: string,
  options: { json?: boolean },
  output: Output,
): Promise<void> {
  if (!options.json) for (const line of await replacedModels(client, cube)) output.print(oneLine(line));
  const view = await client.call<DeploymentAnswer>('GET', `${pathOf(cube)}/deployment`);
  if (options.json) output.json(view);
  else {
    output.print(oneLine(`${view.cube_id}: ${view.change} by ${view.by}, ${view.status}: ${view.sentence}`));
    for (const { at, step, sentence } of view.steps) output.print(oneLine(`  ${at} ${step}: ${sentence}`));
  }
}

/** None where they cannot be read: the command is for the last change. */
async function replacedModels(client: ControlClient, cube: string): Promise<readonly string[]> {
  try {
    const [view, { items }] = await Promise.all([
      client.call<CubeView>('GET', pathOf(cube)),
      client.call<MigrationList>('GET', '/v1/migrations'),
    ]);
    return replacedModelsLines(view, items);
  } catch {
    return [];
  }
}
