import { Places } from '../base/places.js';

/** Runs tasks in the order in which they come, at most `max` at the same time. */
export class TaskQueue {
  private readonly places: Places;

  constructor(max: number) {
    this.places = new Places(max);
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.places.enter();
    try {
      return await task();
    } finally {
      this.places.leave();
    }
  }
}
