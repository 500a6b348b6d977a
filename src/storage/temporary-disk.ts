import { tmpdir } from 'node:os';
import { isDiskFull } from '../base/disk-space.js';
import { Failure } from '../base/failures.js';

/** Runs `work`, which writes to the folder of temporary files. Throws `disk_full` where no space is left there, and what `work` throws. */
export async function onTemporaryDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && !(error instanceof Failure) && 'code' in error ? String(error.code) : '';
    if (!isDiskFull(code)) throw error;
    throw new Failure('disk_full', `No space is left in the folder for temporary files, ${tmpdir()} (${code}).`, {
      hint: 'Free space there, or set TMPDIR to a folder on another disk and start the program again; the run continues by itself.',
      cause: error,
    });
  }
}
