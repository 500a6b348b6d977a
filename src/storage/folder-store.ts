import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, opendir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BlobInfo, BlobMissing, type BlobStore, isSha256, type Sha256, type StagedBlob } from './blob-store.js';
import { storageFailure } from './storage-failure.js';

/** In it lie contents that are not at their addresses: it is no address, and `list` leaves it out. */
const stagingFolder = '.staging';

/**
 * The store as a folder: a content lies in `ab/<sha256>`, one regular file that holds it and nothing else. It is written under a
 * temporary name, synchronised to the disk, then renamed, and the folders are synchronised too.
 */
export function createFolderStore(root: string): BlobStore {
  const staging = join(root, stagingFolder);
  const fanOf = (sha256: Sha256) => join(root, sha256.slice(0, 2));
  const fileOf = (sha256: Sha256) => join(fanOf(sha256), sha256);
  const temporary = (owner: string) => join(staging, `${encodeURIComponent(owner)}~${randomUUID()}`);

  async function keep(from: string, sha256: Sha256): Promise<void> {
    await makeFolder(fanOf(sha256));
    await rename(from, fileOf(sha256));
    await synchronize(fanOf(sha256));
  }

  return {
    stage: (content, owner) =>
      atStore(root, async (): Promise<StagedBlob> => {
        await makeFolder(staging);
        const file = temporary(owner);
        try {
          const { sha256, size } = await write(file, content);
          return {
            sha256,
            size,
            file,
            keep: () => atStore(root, () => keep(file, sha256)),
            discard: () => atStore(root, () => rm(file, { force: true })),
          };
        } catch (error) {
          await rm(file, { force: true }).catch(() => undefined);
          throw error;
        }
      }),

    open: (sha256) =>
      atStore(root, async () => {
        const handle = await open(fileOf(sha256)).catch((error: unknown) => {
          throw codeOf(error) === 'ENOENT' ? new BlobMissing(sha256) : error;
        });
        return chunksOf(handle, root);
      }),

    has: (sha256) =>
      atStore(root, async () => {
        const handle = await open(fileOf(sha256)).catch((error: unknown) => {
          if (codeOf(error) === 'ENOENT') return undefined;
          throw error;
        });
        await handle?.close();
        return handle !== undefined;
      }),

    withdraw: (sha256, owner) =>
      atStore(root, async () => {
        await makeFolder(staging);
        const aside = temporary(owner);
        try {
          await rename(fileOf(sha256), aside);
        } catch (error) {
          if (codeOf(error) === 'ENOENT') return undefined;
          throw error;
        }
        await synchronize(fanOf(sha256));
        return {
          putBack: () =>
            atStore(root, async () => {
              // Another may have stored the content again meanwhile.
              await link(aside, fileOf(sha256)).catch((error: unknown) => {
                if (codeOf(error) !== 'EEXIST') throw error;
              });
              await synchronize(fanOf(sha256));
              await rm(aside, { force: true });
            }),
          delete: () => atStore(root, () => rm(aside, { force: true })),
        };
      }),

    discardOf: (owner) =>
      atStore(root, async () => {
        const prefix = `${encodeURIComponent(owner)}~`;
        for (const name of await namesIn(staging)) {
          if (name.startsWith(prefix)) await rm(join(staging, name), { force: true });
        }
      }),

    list: () => listed(root),
  };
}

/** Writes a new file of its user's own, and has it on the disk. */
async function write(file: string, content: AsyncIterable<Buffer>): Promise<BlobInfo> {
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(file, 'wx', 0o640);
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      size += chunk.length;
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { sha256: hash.digest('hex'), size };
}

async function* chunksOf(handle: FileHandle, root: string): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      const { bytesRead, buffer } = await atStore(root, () =>
        handle.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null),
      );
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

const chunkBytes = 256 * 1024;

async function* listed(root: string): AsyncGenerator<BlobInfo> {
  for (const fan of await namesIn(root)) {
    if (!/^[0-9a-f]{2}$/.test(fan)) continue;
    const entries = await atStore(root, () => opendir(join(root, fan)));
    for await (const entry of entries) {
      if (!entry.isFile() || !isSha256(entry.name)) continue;
      const handle = await atStore(root, () => open(join(root, fan, entry.name)));
      try {
        yield { sha256: entry.name, size: (await handle.stat()).size };
      } finally {
        await handle.close();
      }
    }
  }
}

/** Makes a folder of the store where it is missing; the entries of all that were made are on the disk before anything is put into it. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o750 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await synchronize(dirname(made));
}

async function synchronize(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
