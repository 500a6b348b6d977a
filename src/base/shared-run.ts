/** Something that takes long and does for all who asked before it began: whoever asks while it is under way gets the next one, together. */
export class SharedRun<T> {
  private current: Promise<T> | undefined;
  private next: Promise<T> | undefined;

  constructor(private readonly work: () => Promise<T>) {}

  run(): Promise<T> {
    if (this.current === undefined) return this.begin();
    this.next ??= this.current
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        return this.begin();
      });
    return this.next;
  }

  private begin(): Promise<T> {
    const begun = this.work().finally(() => {
      if (this.current === begun) this.current = undefined;
    });
    this.current = begun;
    return begun;
  }
}
