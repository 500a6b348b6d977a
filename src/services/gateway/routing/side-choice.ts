import type { Side } from '../../../domain/side.js';
import { chooseSide, type Intent, type UserBytes } from '../../../domain/traffic/routing.js';
import type { RequestBody } from '../admission/request-body.js';
import type { GatewayContext } from '../context.js';
import type { Route } from './routes.js';

/** What the choice of a side depends on. */
export type SideChoice = Pick<GatewayContext, 'buckets' | 'flags' | 'ownershipOf' | 'sidesOf'>;

/** Whether a request reads or writes (contract, section 4). */
export function intentOf(route: Route, body: Buffer | RequestBody | null): Intent {
  if (route.intent !== 'by save') return route.intent;
  return Buffer.isBuffer(body) && isNotSaved(body) ? 'reads' : 'writes';
}

/** The side that serves a request of a user now. */
export function sideFor(choice: SideChoice, route: Route, user: UserBytes | null, intent: Intent): Side {
  const { trafficName } = route.cube;
  if (trafficName === null) return 'cube';
  return chooseSide({
    bucket: user === null ? 0 : choice.buckets.of(user),
    userId: user,
    intent,
    flags: choice.flags.flagsOf(trafficName),
    ownership: choice.ownershipOf(trafficName),
    killed: choice.flags.killed(trafficName),
  });
}

/** Whether legacy may serve a request for the cube: only while legacy is the owner. */
export function legacyMayServe(choice: SideChoice, route: Route): boolean {
  const { trafficName } = route.cube;
  return (
    trafficName !== null &&
    choice.sidesOf(route.label).legacy !== null &&
    choice.ownershipOf(trafficName).owner === 'legacy'
  );
}

/** A calculation without saving only reads. An unreadable body counts as writing. */
function isNotSaved(body: Buffer): boolean {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && 'save' in parsed && parsed.save === false;
  } catch {
    return false;
  }
}
