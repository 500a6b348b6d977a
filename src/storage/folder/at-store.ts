import { storageFailure } from '../storage-failure.js';

/** Does something in the folder of a store; what the file system refuses is a failure of the store. */
export async function atStore<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageFailure(error, root);
  }
}
