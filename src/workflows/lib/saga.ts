import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';

/**
 * The undos of a run, by name: registered before their steps run, run in reverse order. Names instead of functions, so that they
 * survive a continue-as-new.
 */
export class Saga<Undo extends string> {
  constructor(private readonly registered: Undo[]) {}

  /** Call before the step that it undoes. Registering a name again changes nothing. */
  register(undo: Undo): void {
    if (!this.registered.includes(undo)) this.registered.push(undo);
  }

  get undos(): readonly Undo[] {
    return this.registered;
  }

  /** Runs every undo, the last registered first; one that fails does not stop the others. Returns those that failed. */
  async undoAll(carryOut: (undo: Undo) => Promise<void>): Promise<readonly { undo: Undo; reason: string }[]> {
    const left: { undo: Undo; reason: string }[] = [];
    for (const undo of [...this.registered].reverse()) {
      try {
        await carryOut(undo);
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        left.push({ undo, reason: error.cause instanceof ApplicationFailure ? error.cause.message : error.message });
      }
    }
    return left;
  }
}
