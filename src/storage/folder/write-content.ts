import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { BlobInfo, Content } from '../blob-store.js';
import { inFileThread, smallBytes } from '../threads/file-threads.js';
import { writeHashed } from './durable.js';

/** Writes a content to a new file. One that lies in a small file is copied from there in one go. */
export async function writeContent(file: string, content: Content): Promise<BlobInfo> {
  const { inFile } = content;
  if (inFile !== undefined && inFile.size <= smallBytes) {
    const copied = await inFileThread('copyToNew', inFile.fd, inFile.size, file);
    if (copied !== undefined) return copied;
  }
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(file, 'wx', 0o640);
  try {
    for await (const chunk of content) {
      await writeHashed(handle, chunk, size, hash);
      size += chunk.length;
    }
  } finally {
    await handle.close();
  }
  return { sha256: hash.digest('hex'), size };
}
