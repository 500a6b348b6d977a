import { accessSync, constants, lstatSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { isDiskFull } from '../../base/disk-space.js';
import { Failure } from '../../base/failures.js';
import { fullDisk } from './fetch-failure.js';

/**
 * A new folder within the cache, which is made where there is none. Throws, before anything is fetched: `permission_denied`
 * for a cache that this user may not write to, or that another user than root may change; `disk_full`.
 */
export function makeScratch(cacheFolder: string, name: string): string {
  try {
    mkdirSync(cacheFolder, { recursive: true, mode: 0o755 });
    refuseAnothers(cacheFolder);
    accessSync(cacheFolder, constants.W_OK);
    return mkdtempSync(join(cacheFolder, `.${name}-`));
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code = '', message = '' } = error as NodeJS.ErrnoException;
    if (isDiskFull(`${code} ${message}`)) throw fullDisk('Nothing can be fetched', cacheFolder, error);
    throw unusable(cacheFolder, reasons[code] ?? `cannot be used (${code})`, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'is closed to this user',
  EPERM: 'is closed to this user',
  EROFS: 'is on a disk that is only read',
  ENOTDIR: 'is no folder',
  EEXIST: 'is no folder',
};

function refuseAnothers(cacheFolder: string): void {
  const { uid } = lstatSync(realpathSync(cacheFolder));
  if (uid !== process.getuid?.() && uid !== 0) throw unusable(cacheFolder, `belongs to another user (user id ${uid})`);
}

function unusable(cacheFolder: string, reason: string, cause?: unknown): Failure {
  return new Failure('permission_denied', `The cache folder ${cacheFolder} ${reason}.`, {
    safe: 'Nothing was fetched or started.',
    hint: 'Name a folder of your own by CUBESHIFT_CACHE, as in `CUBESHIFT_CACHE=~/cubeshift-cache cubeshift up`.',
    cause,
  });
}
