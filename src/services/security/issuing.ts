import type { CubeId } from '../../domain/cubes.js';
import { Failure } from '../../failures.js';
import type { CubeIdentity } from '../tokens.js';

const gatewayCubeId: CubeId = 'api-gateway-cube';

/**
 * Throws `forbidden` where `caller` may not have a token made for `asked`: one that allows what its own does not, or one in
 * the gateway's name, which alone lets a caller say whom a call is for.
 */
export function refuseWrongIssue(caller: CubeIdentity, asked: CubeIdentity): void {
  const lacking = asked.permissions.filter((permission) => !caller.permissions.includes(permission));
  if (lacking.length > 0)
    throw new Failure('forbidden', 'The caller does not hold every permission it asks for.', {
      hint: 'Ask only for permissions that your own token holds.',
      details: { field: 'body.permissions' },
    });
  if (asked.cubeId === gatewayCubeId && caller.cubeId !== gatewayCubeId)
    throw new Failure('forbidden', `Nobody but ${gatewayCubeId} itself has a token made in its name.`, {
      hint: 'Ask for a token in another name.',
      details: { field: 'body.cube_id' },
    });
}
