/** Work that a plan does not wait for; only its end and a new history do, which would cut it off. */
export class BackgroundWork {
  private running = 0;

  get isDone(): boolean {
    return this.running === 0;
  }

  /** `work` must not throw. */
  start(work: () => Promise<void>): void {
    this.running++;
    void work().finally(() => {
      this.running--;
    });
  }
}
