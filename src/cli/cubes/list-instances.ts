import { currentHome } from '../current-stack.js';
import { type Output, table } from '../output.js';
import { printLastEnd } from './instance-logs.js';

/** Prints the versions and instances of each cube on this machine, and of what ended the end of its log. */
export function listInstances(options: { json?: boolean }, output: Output): void {
  const home = currentHome();
  const desired = home.desiredCubes();
  const listed = home.instances().map(({ cubeId, version, instanceId, state, port, pid }) => ({
    cube_id: cubeId,
    version,
    instance_id: instanceId,
    state,
    port,
    pid,
    // Of a cube that was never deployed there is one version alone.
    takes_traffic: version === (desired[cubeId]?.active ?? version),
  }));
  if (options.json) output.json(listed);
  else
    output.print(
      table([
        ['CUBE', 'VERSION', 'INSTANCE', 'STATE', 'PORT', 'TRAFFIC'],
        ...listed.map((one) => [
          one.cube_id,
          one.version,
          one.instance_id,
          one.state,
          String(one.port ?? '–'),
          one.takes_traffic ? 'yes' : 'no',
        ]),
      ]),
    );
  for (const { instanceId, state, lastEnd } of home.instances())
    if (state === 'ended' && !options.json) printLastEnd(home, instanceId, lastEnd, output);
}
