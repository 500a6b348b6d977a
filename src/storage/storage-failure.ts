import { isDiskFull } from '../base/disk-space.js';
import { Failure } from '../base/failures.js';

/** What a file system throws, as a failure of the store; any other error is returned as it is. */
export function storageFailure(error: unknown, root: string): unknown {
  if (error instanceof Failure || !(error instanceof Error) || !('code' in error) || !('syscall' in error))
    return error;
  const code = String(error.code);
  if (isDiskFull(code))
    return new Failure('disk_full', `No space is left in the store ${root} (${code}).`, {
      hint: 'Free space on the disk of CUBE_STORAGE_URL; the run continues by itself.',
      cause: error,
    });
  return new Failure('storage_unreachable', `The store ${root} cannot be read or written (${code}).`, { cause: error });
}
