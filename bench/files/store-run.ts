import { readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { inParallel } from '../../src/base/in-parallel.js';
import type { BlobInfo, BlobStore, Part, PartRecords, StagedBlob } from '../../src/storage/blob-store.js';
import { type LegacyFolder, type OpenFile, readInside } from '../../src/storage/inside-folder.js';

/** What a run of the store took: its process says so in one line of JSON. */
export interface StoreRun {
  readonly seconds: number;
  readonly peakMegabytes: number;
  readonly sums: readonly string[];
}

/** As a migration does it. */
const lanes = 2;
const pageRows = 256;
const filesAtOnce = 16;
const checkedAtOnce = 8;
const maxWholeBytes = 8 * 1024 * 1024;

/** Stores every file of a folder as a migration does, then opens the store anew by `open` and hashes each content. */
export async function runStore(source: string, open: () => BlobStore): Promise<StoreRun> {
  const folder: LegacyFolder = { path: source, variable: 'LEGACY_STORAGE_DIR' };
  const paths = readdirSync(source, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [relative(source, `${entry.parentPath}/${entry.name}`)] : [],
  );
  const began = performance.now();
  const stored: BlobInfo[] = [];
  const store = open();
  const copyPage = async (page: readonly string[]) => {
    const blobs = await store.stageMany('bench', (stage) =>
      inParallel(page, filesAtOnce, async (path): Promise<StagedBlob> => {
        const receive = (file: OpenFile) =>
          file.size <= maxWholeBytes
            ? stage(file)
            : store.stageInParts(file, { owner: 'bench', name: path, records: recordsHere() });
        const read = await readInside(folder, path, receive, (blob) => blob.discard());
        if (read.kind !== 'read') throw new Error(`${path}: ${read.detail}`);
        return read.value;
      }),
    );
    await store.keepMany(blobs);
    stored.push(...blobs);
  };
  await inParallel(pagesOf(paths), lanes, copyPage);
  const anew = open();
  await inParallel(stored, checkedAtOnce, async ({ sha256 }) => {
    if ((await anew.check(sha256)) !== null) throw new Error(`${sha256} is not whole in the store`);
  });
  const seconds = (performance.now() - began) / 1000;
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return { seconds, peakMegabytes: (Number(peak) * 1024) / 1e6, sums: stored.map(({ sha256 }) => sha256).sort() };
}

function pagesOf(paths: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(paths.length / pageRows) }, (_, page) =>
    paths.slice(page * pageRows, (page + 1) * pageRows),
  );
}

function recordsHere(): PartRecords {
  let parts: (Part & { readonly source: string })[] = [];
  return {
    list: async () => parts,
    add: async (index, part, source) => {
      parts[index] = { ...part, source };
    },
    forget: async () => {
      parts = [];
    },
  };
}
