/** Says of each step of the demo what it does, and how long it took. */
export class Steps {
  private begun: { readonly at: number } | undefined;
  private readonly start: number;
  private count = 0;

  constructor(
    private readonly total: number,
    private readonly say: (text: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.start = now();
  }

  /** Ends the step before, and begins one. */
  begin(what: string): void {
    this.end();
    this.count++;
    this.begun = { at: this.now() };
    this.say(`\nStep ${this.count} of ${this.total}: ${what}`);
  }

  /** Ends the last step, and says how long all took. */
  finish(): void {
    this.end();
    this.say(`All steps took ${seconds(this.now() - this.start)}.`);
  }

  private end(): void {
    if (this.begun !== undefined) this.say(`Step ${this.count} took ${seconds(this.now() - this.begun.at)}.`);
    this.begun = undefined;
  }
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`;
}
