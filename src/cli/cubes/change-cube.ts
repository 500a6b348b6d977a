import type { DeploymentAnswer } from '../../api/deployments.js';
import type { ControlClient } from '../control-client.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Output } from '../output.js';
import { showTemporalPage } from '../temporal-page.js';
import { pathOf } from './cube-path.js';
import { type Following, follow } from './follow-change.js';
import { printLogs } from './instance-logs.js';

/** Deploys, restarts or scales a cube, and shows how that goes. */
export async function changeCube(
  client: ControlClient,
  cube: string,
  verb: 'deploy' | 'restart' | 'scale',
  body: unknown,
  options: Following,
  output: Output,
): Promise<ExitCode> {
  const path = pathOf(cube);
  const first = await client.call<DeploymentAnswer>('POST', `${path}/${verb}`, body);
  showTemporalPage(first, output);
  const began = Date.now();
  const look = `cubeshift cubes status ${first.cube_id}`;
  const view = await follow(client, `${path}/deployment`, first, look, options, output);
  if (options.wait && view.status !== 'done') printLogs(cube, began, output);
  return view.status === 'running' || view.status === 'done' ? exitCodes.done : exitCodes.failed;
}
