import type { StoredBlob, TemporaryBlob } from '../blob-store.js';
import type { Bucket, ListedObject } from './bucket.js';
import type { Copies } from './copies.js';
import { type Layout, prefixOf } from './layout.js';

/** What lies at addresses, in their order. */
export async function* listed(bucket: Bucket, layout: Layout, after: string): AsyncGenerator<StoredBlob> {
  const behind = after === '' ? layout.beforeAddresses : layout.addressOf(after);
  for await (const { key, size, changedAt } of bucket.list(layout.root, behind)) {
    const sha256 = layout.contentAt(key);
    if (sha256 !== undefined) yield { sha256, size, storedAt: changedAt };
  }
}

/** Objects that belong together: those of one content in parts, or one alone. */
export interface Temporary {
  /** The key of the one, or of what the keys of its parts begin with. */
  readonly folder: string;
  readonly keys: readonly string[];
  readonly changedAt: Date;
}

/** Those whose keys begin like this behind `staging`. */
export async function* temporaryObjects(bucket: Bucket, layout: Layout, prefix: string): AsyncGenerator<Temporary> {
  let group: ListedObject[] = [];
  const folderOf = ({ key }: ListedObject) => /^(.*~[0-9a-f-]{36})\/\d+$/.exec(key)?.[1] ?? key;
  const ended = (objects: readonly ListedObject[], [first] = objects): Temporary[] =>
    first === undefined
      ? []
      : [
          {
            folder: folderOf(first),
            keys: objects.map(({ key }) => key),
            changedAt: new Date(Math.max(...objects.map(({ changedAt }) => changedAt.getTime()))),
          },
        ];
  for await (const object of bucket.list(`${layout.staging}${prefix}`)) {
    const [first] = group;
    if (first !== undefined && folderOf(first) !== folderOf(object)) {
      yield* ended(group);
      group = [];
    }
    group.push(object);
  }
  yield* ended(group);
}

/** What is not at its address, and the uploads to addresses that were begun and not ended: those have no owner. */
export async function* temporaryIn(bucket: Bucket, copies: Copies, layout: Layout): AsyncGenerator<TemporaryBlob> {
  for await (const { folder, keys, changedAt } of temporaryObjects(bucket, layout, ''))
    yield {
      isOf: (owner) => folder.startsWith(`${layout.staging}${prefixOf(owner)}`),
      changedAt,
      discard: async () => {
        for (const key of keys) await bucket.delete(key);
      },
    };
  for await (const upload of copies.uploads(layout.root)) {
    // Another program's, or another store's within this one's prefix.
    if (!upload.key.startsWith(layout.staging) && layout.contentAt(upload.key) === undefined) continue;
    yield { isOf: () => false, changedAt: upload.begunAt, discard: () => copies.abort(upload) };
  }
}
