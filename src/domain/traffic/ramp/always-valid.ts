/**
 * A statistical test that stays valid however often it is read: whether users of the cube meet errors more often than users of
 * legacy at the same time. Of all users who failed in a window, the share on the cube is binomial with f, the cube's share
 * of users, as long as the sides are alike; under a rate ratio r it is binomial with q = r f / (r f + 1 - f). The mixture
 * of likelihood ratios over r is a martingale while the sides are alike, so that it passes 1/α in at most a share α of all
 * ramps, however often it is evaluated (Ville's inequality). Counted by user and not by request, because the requests of
 * one unlucky user are no independent evidence; for the same reason the caller must count a user who keeps failing
 * once, not once a window.
 */

/** How many times the error rate of legacy the cube's may be, in the mixture. */
const rateRatios = [1.5, 2, 3, 5, 10] as const;

/** The share of ramps between equal sides that may be stopped. */
export const falseStopShare = 0.01;

/** Users of one span of time, the same for both sides. */
export interface UserCounts {
  readonly cubeUsers: number;
  readonly cubeFailedUsers: number;
  readonly legacyUsers: number;
  readonly legacyFailedUsers: number;
}

/** Logarithms of the likelihood ratios, one for each rate ratio; plain data that a ramp carries along. */
export type ErrorTest = readonly number[];

export const freshErrorTest: ErrorTest = rateRatios.map(() => 0);

/** Adds a span of time. The weight may differ from that of other spans: each is judged by its own share of users. */
export function addUsers(test: ErrorTest, counts: UserCounts): ErrorTest {
  const { cubeUsers, cubeFailedUsers, legacyUsers, legacyFailedUsers } = counts;
  // With everybody on one side there is nothing to compare.
  if (cubeUsers <= 0 || legacyUsers <= 0) return test;
  const share = cubeUsers / (cubeUsers + legacyUsers);
  return rateRatios.map((ratio, place) => {
    const expected = (ratio * share) / (ratio * share + 1 - share);
    return (
      (test[place] ?? 0) +
      cubeFailedUsers * Math.log(expected / share) +
      legacyFailedUsers * Math.log((1 - expected) / (1 - share))
    );
  });
}

/** How much likelier what was seen is if the cube is worse than if it is not. */
export function likelihoodRatio(test: ErrorTest): number {
  return test.reduce((sum, log) => sum + Math.exp(log), 0) / test.length;
}

/** Whether the cube has been shown to be worse. */
export function showsMoreErrors(test: ErrorTest): boolean {
  return likelihoodRatio(test) > 1 / falseStopShare;
}
