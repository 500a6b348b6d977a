import {
  addUsers,
  type ErrorTest,
  falseStopShare,
  freshErrorTest,
  likelihoodRatio,
  type UserCounts,
} from './always-valid.js';

/**
 * Whether the cube refuses (4xx) what legacy accepts. Users misspell and probe on both sides alike, so each route is judged by
 * the same always-valid test as errors are: of the users who were refused there, the share on the cube. A stranger who is
 * refused again and again counts once an hour, and on the side that serves him; many of them fall on both sides.
 */
export interface RouteRefusedUsers {
  readonly test: ErrorTest;
  /** Users of the cube who were refused. */
  readonly users: number;
}

/** By route; plain data that a ramp carries along. */
export type RefusedUsersByRoute = Readonly<Record<string, RouteRefusedUsers>>;

/** So many users must have been refused at one route: a few may be one stranger with some names. */
const minUsers = 5;
/** The mean of the tests of so many routes is a test of its own; a service has fewer. */
const routesInMean = 10;

export function addRefusedUsers(
  before: RefusedUsersByRoute,
  counts: Readonly<Record<string, UserCounts>>,
): RefusedUsersByRoute {
  const added = Object.entries(counts).map(([route, users]) => {
    const known = before[route] ?? { test: freshErrorTest, users: 0 };
    return [route, { test: addUsers(known.test, users), users: known.users + users.cubeFailedUsers }] as const;
  });
  return { ...before, ...Object.fromEntries(added) };
}

/** How much likelier what was seen is if the cube refuses more; the mean over routes, those unseen being at 1. */
export function refusedUsersRatio(refusals: RefusedUsersByRoute): number {
  const ratios = Object.values(refusals).map(({ test }) => likelihoodRatio(test));
  const routes = Math.max(routesInMean, ratios.length);
  return (ratios.reduce((sum, ratio) => sum + ratio, 0) + routes - ratios.length) / routes;
}

/** The route at which the cube has been shown to refuse more; undefined while nowhere. */
export function findRefusing(
  refusals: RefusedUsersByRoute,
): { readonly route: string; readonly users: number } | undefined {
  if (refusedUsersRatio(refusals) <= 1 / falseStopShare) return undefined;
  const [worst] = Object.entries(refusals)
    .filter(([, { users }]) => users >= minUsers)
    .map(([route, { test, users }]) => ({ route, users, ratio: likelihoodRatio(test) }))
    .sort((one, other) => other.ratio - one.ratio);
  return worst !== undefined && worst.ratio > 1 / falseStopShare ? worst : undefined;
}
