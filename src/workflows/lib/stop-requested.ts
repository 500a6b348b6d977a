/** Thrown out of the plan when a cancel or a rollback ends the run before the last line of the plan. */
export class StopRequested extends Error {
  constructor(
    readonly end: 'cancel' | 'rollback',
    readonly by: string,
  ) {
    super(end);
    this.name = 'StopRequested';
  }
}
