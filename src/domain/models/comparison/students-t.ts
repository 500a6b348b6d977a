import jstat from 'jstat';

/** The 97.5 % quantile of Student's t distribution. */
export function upperQuantile(degreesOfFreedom: number): number {
  return jstat.studentt.inv(0.975, degreesOfFreedom);
}
