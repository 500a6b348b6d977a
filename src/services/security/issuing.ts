import type { CubeIdentity, VerifiedCubeToken } from '../../auth/tokens.js';
import { Failure } from '../../base/failures.js';
import type { CubeId } from '../../domain/catalog.js';

const gatewayCubeId: CubeId = 'api-gateway-cube';

/** A chain of tokens, each issued with the one before, ends after this time. */
const issuingHours = 24;
const operatorHint = 'Have an operator make a new one: `cubeshift token`.';

/**
 * Throws `unauthorized` where the caller's token must not issue another: it is signed with the previous secret, with which it may
 * have been forged; or the first token of its chain is a day old.
 */
export function refuseOldIssuer({ isCurrent, startedAt }: VerifiedCubeToken, now: Date): void {
  if (!isCurrent)
    throw new Failure('unauthorized', 'The secret has been changed since this token was signed.', {
      hint: operatorHint,
    });
  if (now.getTime() - startedAt >= issuingHours * 3_600_000)
    throw new Failure(
      'unauthorized',
      `Tokens are issued for ${issuingHours} hours after the first, and those are over.`,
      {
        hint: operatorHint,
      },
    );
}

/**
 * Throws `forbidden` where `caller` must not get the token that it requests: one with further permissions, or one in the gateway's
 * name, since only the gateway may name the user of a call.
 */
export function refuseWrongIssue(caller: CubeIdentity, requested: CubeIdentity): void {
  const lacking = requested.permissions.filter((permission) => !caller.permissions.includes(permission));
  if (lacking.length > 0)
    throw new Failure('forbidden', 'The caller does not hold every permission that it requests.', {
      hint: 'Ask only for permissions that your own token holds.',
      details: { field: 'body.permissions' },
    });
  if (requested.cubeId === gatewayCubeId && caller.cubeId !== gatewayCubeId)
    throw new Failure('forbidden', `Only ${gatewayCubeId} itself may get a token in its name.`, {
      hint: 'Ask for a token in another name.',
      details: { field: 'body.cube_id' },
    });
}
