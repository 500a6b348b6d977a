/** What a change of a cube is said to be while its plan cannot say it itself. */

/** Temporal has the plan, and no worker has begun it. */
export const notReportedYet =
  'It is begun; its workflow has not reported yet. If this lasts, no control worker is running.';

/** The plan was ended by force before its own end. */
export function endedByForce(step: string): string {
  return `Its plan was ended in Temporal, at the step ${step}; what it had changed stays as it is.`;
}
