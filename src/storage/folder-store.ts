import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, link, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../base/failures.js';
import type { ByteRange } from '../domain/byte-range.js';
import {
  BlobDamaged,
  type BlobInfo,
  BlobMissing,
  type BlobStore,
  isSha256,
  type Sha256,
  type Stage,
  type StagedBlob,
  type StoredBlob,
  type TemporaryBlob,
  type WithdrawnBlobs,
} from './blob-store.js';
import { makeFolder, synchronizeAll, writeAll } from './folder/durable.js';
import { codeOf, openRegular, type RegularFile } from './folder/open-regular.js';
import { writeInParts } from './folder/parts-file.js';
import { storageFailure } from './storage-failure.js';

/** In it lie contents that are not at their addresses: it is no address, and `list` leaves it out. */
const stagingFolder = '.staging';

/**
 * The store as a folder: a content lies in `ab/<sha256>`, one regular file that holds it and nothing else. It is written under a
 * temporary name, synchronised to the disk, then renamed, and the folders are synchronised too. `partBytes` is what a program that dies
 * has to receive again, at most, of a content in parts.
 */
export function createFolderStore(root: string, partBytes = 64 * 1024 * 1024): BlobStore {
  const staging = join(root, stagingFolder);
  const fanOf = (sha256: Sha256) => join(root, sha256.slice(0, 2));
  const fileOf = (sha256: Sha256) => join(fanOf(sha256), sha256);
  /** The name of a withdrawn content also says which it is. */
  const temporary = (owner: string, sha256 = '') => join(staging, `${prefixOf(owner)}${sha256}~${randomUUID()}`);
  /** What else is due once a content is kept. */
  const onceKept = new WeakMap<StagedBlob, () => Promise<void>>();

  async function keepMany(blobs: readonly StagedBlob[]): Promise<void> {
    const fans = [...new Set(blobs.map(({ sha256 }) => fanOf(sha256)))];
    for (const fan of fans) await makeFolder(fan);
    for (const { file, sha256 } of blobs) await moveToAddress(file, fileOf(sha256));
    // Another program may have made a folder and died before it was on the disk.
    await synchronizeAll(root, [...fans, root]);
    for (const blob of blobs) await onceKept.get(blob)?.();
  }

  /** `forget` is called when it is kept or discarded. */
  function stagedBlob(file: string, { sha256, size }: BlobInfo, forget?: () => Promise<void>): StagedBlob {
    const blob: StagedBlob = {
      sha256,
      size,
      file,
      keep: () => atStore(root, () => keepMany([blob])),
      discard: () =>
        atStore(root, async () => {
          await rm(file, { force: true });
          await forget?.();
        }),
    };
    if (forget !== undefined) onceKept.set(blob, forget);
    return blob;
  }

  /** Moves what lies at an address aside; false where nothing does. */
  async function moveAside(sha256: Sha256, aside: string): Promise<boolean> {
    try {
      await rename(fileOf(sha256), aside);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Another may have stored the content again meanwhile. */
  async function linkBack(sha256: Sha256, aside: string): Promise<void> {
    await link(aside, fileOf(sha256)).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }

  async function withdrawMany(contents: readonly Sha256[], owner: string): Promise<WithdrawnBlobs> {
    await makeStaging(root, staging);
    const withdrawn = new Map<Sha256, string>();
    let youngest: Date | undefined;
    const fans = () => [...new Set([...withdrawn.keys()].map(fanOf))];
    const remove = async () => {
      for (const aside of withdrawn.values()) await rm(aside, { force: true, recursive: true });
    };
    const putBack = async () => {
      for (const [sha256, aside] of withdrawn) await linkBack(sha256, aside);
      await synchronizeAll(root, fans());
      await remove();
    };
    try {
      for (const sha256 of contents) {
        const aside = temporary(owner, sha256);
        if (await moveAside(sha256, aside)) withdrawn.set(sha256, aside);
      }
      await synchronizeAll(root, fans());
      const found = await Promise.all([...withdrawn.values()].map(lookAt));
      const times = found.flatMap((file) => file?.mtime.getTime() ?? []);
      youngest = times.length === 0 ? undefined : new Date(Math.max(...times));
    } catch (error) {
      await putBack();
      throw error;
    }
    return {
      contents: [...withdrawn.keys()],
      youngest,
      putBack: () => atStore(root, putBack),
      delete: () => atStore(root, remove),
    };
  }

  return {
    stage: (content, owner) =>
      atStore(root, async () => {
        await makeStaging(root, staging);
        const file = temporary(owner);
        try {
          return stagedBlob(file, await write(file, content, (handle) => handle.sync()));
        } catch (error) {
          await rm(file, { force: true }).catch(() => undefined);
          throw error;
        }
      }),

    stageMany: (owner, receive) =>
      atStore(root, async () => {
        await makeStaging(root, staging);
        const files = new Set<string>();
        const received: Promise<StagedBlob>[] = [];
        const stage: Stage = (content) => {
          const file = temporary(owner);
          files.add(file);
          const blob = atStore(root, async () =>
            stagedBlob(file, await write(file, content), async () => void files.delete(file)),
          );
          received.push(blob);
          return blob;
        };
        try {
          const result = await receive(stage);
          await synchronizeAll(staging, [...files]);
          return result;
        } catch (error) {
          await Promise.allSettled(received);
          await Promise.allSettled([...files].map((file) => rm(file, { force: true })));
          throw error;
        }
      }),

    stageInParts: (content, { owner, name, records }) =>
      atStore(root, async () => {
        await makeStaging(root, staging);
        const prefix = `${partsPrefix(owner)}${createHash('sha256').update(name).digest('hex')}~`;
        const former = (await namesIn(staging)).filter((file) => file.startsWith(prefix));
        const file = join(staging, `${prefix}${randomUUID()}`);
        const received = await writeInParts(file, content, records, {
          formerFiles: former.map((name) => join(staging, name)),
          partBytes,
        });
        return stagedBlob(file, received, records.forget);
      }),

    keepMany: (blobs) => atStore(root, () => keepMany(blobs)),

    open: (sha256, range) =>
      atStore(root, async () => {
        const opened = await openRegular(fileOf(sha256)).catch(async (error: unknown) => {
          if (codeOf(error) !== 'ENOENT') throw error;
          await assertInUse(root, staging);
          throw new BlobMissing(sha256);
        });
        if (opened === undefined) throw new BlobDamaged(sha256);
        return chunksOf(root, opened, range);
      }),

    has: (sha256) =>
      atStore(root, async () => {
        try {
          return (await lstat(fileOf(sha256))).isFile();
        } catch (error) {
          if (codeOf(error) !== 'ENOENT') throw error;
          await assertInUse(root, staging);
          return false;
        }
      }),

    withdraw: (sha256, owner) =>
      atStore(root, async () => {
        const withdrawn = await withdrawMany([sha256], owner);
        return withdrawn.contents.length === 0 ? undefined : withdrawn;
      }),

    withdrawMany: (contents, owner) => atStore(root, () => withdrawMany(contents, owner)),

    discardOf: (owner) =>
      atStore(root, async () => {
        const [all, parts] = [prefixOf(owner), partsPrefix(owner)];
        for (const name of await namesIn(staging)) {
          if (name.startsWith(all) && !name.startsWith(parts))
            await rm(join(staging, name), { force: true, recursive: true });
        }
      }),

    discardPartsOf: (owner) =>
      atStore(root, async () => {
        const parts = partsPrefix(owner);
        for (const name of await namesIn(staging))
          if (name.startsWith(parts)) await rm(join(staging, name), { force: true });
      }),

    owners: () =>
      atStore(root, async () => [
        ...new Set((await namesIn(staging)).map((name) => decodeURIComponent(name.slice(0, name.indexOf('~'))))),
      ]),

    putBackOf: (owner) =>
      atStore(root, async () => {
        for (const name of await namesIn(staging)) {
          const sha256 = withdrawnOf(name);
          if (!name.startsWith(prefixOf(owner)) || sha256 === undefined) continue;
          const aside = join(staging, name);
          await linkBack(sha256, aside);
          await synchronizeAll(root, [fanOf(sha256)]);
          await rm(aside, { force: true, recursive: true });
        }
      }),

    temporary: () => temporaryIn(root, staging),
    list: (after) => listed(root, after ?? ''),
  };
}

/** The stores that this program has found or made. */
const inUse = new Set<string>();

/** Begins a store. One that was there before and is there no more is not begun again: its disk was most often unmounted. */
async function makeStaging(root: string, staging: string): Promise<void> {
  if (inUse.has(root)) await assertInUse(root, staging);
  else await makeFolder(staging);
  inUse.add(root);
}

/** Throws where nothing was ever staged: contents that are missing there are missing because the store itself is. */
async function assertInUse(root: string, staging: string): Promise<void> {
  try {
    await lstat(staging);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new Failure('storage_unreachable', `Nothing was ever stored in ${root}.`, {
      safe: 'Nothing was changed there.',
      hint: `Mount the disk of CUBE_STORAGE_URL, or correct CUBE_STORAGE_URL. If the contents are lost, make the folder ${staging}: a verification then finds which.`,
    });
  }
}

/** What the names of an owner's temporary files begin with. */
function prefixOf(owner: string): string {
  return `${encodeURIComponent(owner).replaceAll('~', '%7E')}~`;
}

function partsPrefix(owner: string): string {
  return `${prefixOf(owner)}parts~`;
}

/** What was staged before an attempt that was replaced by another one is not there any more, though its content may be at its address. */
async function moveToAddress(file: string, address: string): Promise<void> {
  try {
    await rename(file, address);
  } catch (error) {
    if (codeOf(error) === 'EISDIR') {
      // A folder holds no content, and nothing else replaces one.
      await rm(address, { recursive: true, force: true });
      await rename(file, address);
    } else if (codeOf(error) === 'ENOENT') {
      const isKept = await lstat(address).then(
        (found) => found.isFile(),
        () => false,
      );
      if (!isKept) throw new Failure('claim_lost', 'What this step staged was removed from the store meanwhile.');
    } else throw error;
  }
}

/** Writes a new file of its user's own. */
async function write(
  file: string,
  content: AsyncIterable<Buffer>,
  finish: (handle: FileHandle) => Promise<void> = async () => undefined,
): Promise<BlobInfo> {
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(file, 'wx', 0o640);
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      await writeAll(handle, chunk, size);
      size += chunk.length;
    }
    await finish(handle);
  } finally {
    await handle.close();
  }
  return { sha256: hash.digest('hex'), size };
}

async function* chunksOf(
  root: string,
  { handle, size }: RegularFile,
  range: ByteRange = { start: 0, end: size - 1 },
): AsyncGenerator<Buffer> {
  try {
    for (let position = range.start; position <= range.end; ) {
      const wanted = Math.min(chunkBytes, range.end + 1 - position);
      const { bytesRead, buffer } = await atStore(root, () =>
        handle.read(Buffer.allocUnsafe(wanted), 0, wanted, position),
      );
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

const chunkBytes = 256 * 1024;

/** In the order of their addresses: that of folders, and of names in each. */
async function* listed(root: string, after: string): AsyncGenerator<StoredBlob> {
  for (const fan of (await atStore(root, () => namesIn(root))).toSorted()) {
    if (!/^[0-9a-f]{2}$/.test(fan) || fan < after.slice(0, 2)) continue;
    for (const name of (await atStore(root, () => namesIn(join(root, fan)))).toSorted()) {
      if (!isSha256(name) || name <= after) continue;
      const found = await atStore(root, () => lookAt(join(root, fan, name)));
      if (found?.isFile()) yield { sha256: name, size: found.size, storedAt: found.mtime };
    }
  }
}

async function* temporaryIn(root: string, staging: string): AsyncGenerator<TemporaryBlob> {
  for (const name of await atStore(root, () => namesIn(staging))) {
    const file = join(staging, name);
    const found = await atStore(root, () => lookAt(file));
    if (found === undefined) continue;
    yield {
      isOf: (owner) => name.startsWith(prefixOf(owner)),
      // A content that was withdrawn keeps the time at which it was written; its name changed when it was withdrawn.
      changedAt: withdrawnOf(name) === undefined ? found.mtime : found.ctime,
      discard: () => atStore(root, () => rm(file, { force: true, recursive: true })),
    };
  }
}

/** Undefined for what has gone meanwhile. */
async function lookAt(file: string) {
  return lstat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** The content that lies under the name of a temporary file, if it was withdrawn. */
function withdrawnOf(name: string): Sha256 | undefined {
  return /^[^~]*~([0-9a-f]{64})~[0-9a-f-]{36}$/.exec(name)?.[1];
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
}

async function atStore<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageFailure(error, root);
  }
}
