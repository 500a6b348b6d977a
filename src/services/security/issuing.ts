import type { CubeIdentity, VerifiedCubeToken } from '../../auth/tokens.js';
import { Failure } from '../../base/failures.js';
import type { CubeId } from '../../domain/catalog.js';

const gatewayCubeId: CubeId = 'api-gateway-cube';

/** After this one token no longer leads to the next. */
const issuingHours = 24;
const askAnOperator = 'Have an operator make a new one: `cubeshift token`.';

/**
 * Throws `unauthorized` where the token of who asks leads to no other: it is signed with a secret that was changed since,
 * so somebody who knew that one may have forged it; or the first of its kind is a day old.
 */
export function refuseOldIssuer({ isCurrent, startedAt }: VerifiedCubeToken, now: Date): void {
  if (!isCurrent)
    throw new Failure('unauthorized', 'The secret has been changed since this token was signed.', {
      hint: askAnOperator,
    });
  if (now.getTime() - startedAt >= issuingHours * 3_600_000)
    throw new Failure(
      'unauthorized',
      `Tokens are issued for ${issuingHours} hours after the first, and those are over.`,
      {
        hint: askAnOperator,
      },
    );
}

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
