import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BlobStore, type Sha256, verified } from './blob-store.js';
import { onTemporaryDisk } from './temporary-disk.js';

/** A model as the store has it: its graph, and by name the files next to it that hold weights. */
export interface StoredModel {
  readonly sha256: Sha256;
  readonly files: Readonly<Record<string, Sha256>>;
}

/**
 * Writes a model out of the store into a folder of the caller's own, each file under the name by which the graph knows it, and returns the
 * path of the graph. Every byte is compared with its address meanwhile: throws `BlobDamaged`, `BlobMissing` and `disk_full`.
 */
export async function checkOut(
  store: BlobStore,
  { sha256, files }: StoredModel,
  folder: string,
  onChunk: () => void = () => undefined,
): Promise<string> {
  const graph = join(folder, graphFile(sha256));
  await onTemporaryDisk(() => writeOut(verified(store, sha256), graph, onChunk));
  for (const [name, content] of Object.entries(files))
    await onTemporaryDisk(() => writeOut(verified(store, content), join(folder, name), onChunk));
  return graph;
}

/** No file next to a graph has this name, since its content would have to name its own sum. */
export function graphFile(sha256: Sha256): string {
  return `${sha256}.onnx`;
}

async function writeOut(content: AsyncIterable<Buffer>, file: string, onChunk: () => void): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'w', 0o600);
  try {
    for await (const chunk of content) {
      await handle.writeFile(chunk);
      onChunk();
    }
  } finally {
    await handle.close();
  }
}
