import { freeBytes, isDiskFull } from '../base/disk-space.js';
import { Failure } from '../base/failures.js';

/** Errors of the operating system that a person can do something about; undefined for any other. */
export function systemFailure(error: unknown): Failure | undefined {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return undefined;
  const { code, path } = error as NodeJS.ErrnoException;
  if (isDiskFull(String(code)))
    return stateDiskFull(path === undefined ? 'A disk is full' : `The disk of ${path} is full`, error);
  // Without a path it is a port or a process that this user may not have, and no folder to give away.
  if (path !== undefined && (code === 'EROFS' || code === 'EACCES' || code === 'EPERM'))
    return new Failure('permission_denied', `${path} cannot be written or read by this user.`, {
      safe: 'Nothing more was done; what was there is as it was.',
      hint: `Change its owner with \`chown\`, or name a folder of your own by CUBESHIFT_HOME or CUBESHIFT_CACHE, then type the same again.`,
      cause: error,
    });
  return undefined;
}

/** A failure for a state folder that can take nothing more; undefined while it can. */
export function fullStateFolder(folder: string): Failure | undefined {
  return freeBytes(folder) < minFreeBytes ? stateDiskFull(`The disk of ${folder} is full`) : undefined;
}

/** Less than this, and not even a log line is sure to be written. */
const minFreeBytes = 1_000_000;

function stateDiskFull(sentence: string, cause?: unknown): Failure {
  return new Failure('disk_full', `${sentence}.`, {
    hint: 'Free 1 GB there, or name a folder on another disk by CUBESHIFT_HOME, then type the same again.',
    cause,
  });
}
