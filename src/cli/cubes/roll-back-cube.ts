import type { RollbackAnswer } from '../../api/deployments.js';
import type { ControlClient } from '../control-client.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { nextLines } from '../next-lines.js';
import type { Output } from '../output.js';
import { showTemporalPage } from '../temporal-page.js';
import { pathOf } from './cube-path.js';
import { type Following, follow } from './follow-change.js';

export interface RollbackOptions extends Following {
  readonly acknowledge?: string;
  readonly retry?: string;
  readonly status?: boolean;
}

/** Begins an emergency rollback, answers one that waits for a person, or only looks at it; and shows how it goes. */
export async function rollBackCube(
  client: ControlClient,
  cube: string,
  version: string | undefined,
  options: RollbackOptions,
  output: Output,
): Promise<ExitCode> {
  const path = `${pathOf(cube)}/rollback`;
  const first = await requestRollback(client, path, version, options);
  if (!options.status) showTemporalPage(first, output);
  const look = `cubeshift cubes rollback ${first.cube_id} --status`;
  const view = await follow(client, path, first, look, options, output);
  if (!options.json) for (const line of nextLines(view.next)) output.print(line);
  return view.status === 'escalated' ? exitCodes.failed : exitCodes.done;
}

function requestRollback(
  client: ControlClient,
  path: string,
  version: string | undefined,
  { acknowledge, retry, status }: RollbackOptions,
): Promise<RollbackAnswer> {
  if (status) return client.call<RollbackAnswer>('GET', path);
  const why = acknowledge ?? retry;
  if (why === undefined) return client.call<RollbackAnswer>('POST', path, { target_version: version });
  const answer = { why, retry: retry !== undefined, target_version: version };
  return client.call<RollbackAnswer>('POST', `${path}/acknowledge`, answer);
}
