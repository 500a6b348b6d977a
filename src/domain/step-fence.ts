/**
 * One of the changes that a run makes to the traffic of a cube, counted by its plan. Each is made once: an attempt of it
 * that was given up, and wakes up after it or a later one was made, finds a higher number and changes nothing. A run's
 * numbers are its own, so that no other change ever keeps it from a step.
 */
export interface StepFence {
  readonly holderId: string;
  readonly sequence: number;
}
