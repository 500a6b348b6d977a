import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { isSha256, type Sha256 } from '../blob-store.js';

/** What lies where in the folder of a store, and under which name. */
export interface Layout {
  readonly root: string;
  /** In it lie contents that are not at their addresses: it is no address, and a list leaves it out. */
  readonly staging: string;
  /** The folder of an address. */
  fanOf(sha256: Sha256): string;
  addressOf(sha256: Sha256): string;
  /** A new file of an owner's; that of a withdrawn content also says which it is. */
  temporary(owner: string, sha256?: Sha256): string;
}

export function layoutOf(root: string): Layout {
  const staging = join(root, '.staging');
  const fanOf = (sha256: Sha256) => join(root, sha256.slice(0, 2));
  return {
    root,
    staging,
    fanOf,
    addressOf: (sha256) => join(fanOf(sha256), sha256),
    temporary: (owner, sha256 = '') => join(staging, `${prefixOf(owner)}${sha256}~${randomUUID()}`),
  };
}

export function isFan(name: string): boolean {
  return /^[0-9a-f]{2}$/.test(name);
}

/** What the names of an owner's temporary files begin with. */
export function prefixOf(owner: string): string {
  return `${encodeURIComponent(owner).replaceAll('~', '%7E')}~`;
}

export function ownerOf(temporary: string): string {
  return decodeURIComponent(temporary.slice(0, temporary.indexOf('~')));
}

/** What the names of its contents in parts begin with; `name` for one of them alone. */
export function partsPrefix(owner: string, name?: string): string {
  const ofName = name === undefined ? '' : `${createHash('sha256').update(name).digest('hex')}~`;
  return `${prefixOf(owner)}parts~${ofName}`;
}

/** The content that lies under the name of a temporary file, if it was withdrawn. */
export function withdrawnOf(temporary: string): Sha256 | undefined {
  const [, sha256] = /^[^~]*~([0-9a-f]{64})~[0-9a-f-]{36}$/.exec(temporary) ?? [];
  return isSha256(sha256) ? sha256 : undefined;
}
