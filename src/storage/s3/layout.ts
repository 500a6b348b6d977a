import { createHash, randomUUID } from 'node:crypto';
import { isSha256, type Sha256 } from '../blob-store.js';

/** What lies under which key in the bucket of a store. Keys have signs alone that need no escape anywhere. */
export interface Layout {
  /** What all keys of the store begin with. */
  readonly root: string;
  /** Of an object that says that the store was begun. */
  readonly marker: string;
  /** What the keys begin with of contents that are not at their addresses. */
  readonly staging: string;
  /** A key in front of all addresses, and behind all other keys of the store. */
  readonly beforeAddresses: string;
  addressOf(sha256: Sha256): string;
  /** The content whose address a key is; undefined for a stranger's key. */
  contentAt(key: string): Sha256 | undefined;
  /** A new key of an owner's; that of a withdrawn content also says which it is. */
  temporary(owner: string, sha256?: Sha256): string;
  /** What the keys begin with of a new attempt at a content in parts. */
  parts(owner: string, name: string): string;
}

export function layoutOf(prefix: string): Layout {
  const root = prefix === '' ? '' : `${prefix}/`;
  const staging = `${root}.staging/`;
  const addressOf = (sha256: Sha256) => `${root}${sha256.slice(0, 2)}/${sha256}`;
  return {
    marker: `${root}.cubeshift-store`,
    root,
    staging,
    beforeAddresses: `${root}/`,
    addressOf,
    contentAt: (key) => {
      const sha256 = key.slice(-64);
      return isSha256(sha256) && key === addressOf(sha256) ? sha256 : undefined;
    },
    temporary: (owner, sha256 = '') => `${staging}${prefixOf(owner)}${sha256}~${randomUUID()}`,
    parts: (owner, name) => `${staging}${partsPrefix(owner, name)}${randomUUID()}`,
  };
}

/** What the keys of an owner begin with behind `staging`. */
export function prefixOf(owner: string): string {
  return `${Buffer.from(owner).toString('base64url')}~`;
}

export function ownerOf(group: string): string {
  return Buffer.from(group.slice(0, group.indexOf('~')), 'base64url').toString();
}

/** What the keys of its contents in parts begin with behind `staging`; `name` for one of them alone. */
export function partsPrefix(owner: string, name?: string): string {
  const ofName = name === undefined ? '' : `${createHash('sha256').update(name).digest('hex')}~`;
  return `${prefixOf(owner)}parts~${ofName}`;
}

export function partKey(folder: string, index: number): string {
  return `${folder}/${index}`;
}

/** The content that lies under a temporary key, if it was withdrawn. */
export function withdrawnOf(key: string): Sha256 | undefined {
  const [, sha256] = /~([0-9a-f]{64})~[0-9a-f-]{36}$/.exec(key) ?? [];
  return isSha256(sha256) && !key.includes('~parts~') ? sha256 : undefined;
}
