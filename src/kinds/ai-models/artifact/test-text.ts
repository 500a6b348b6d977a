import { createHash } from 'node:crypto';
import { artifactPathProblem } from '../../../domain/models/artifact-path.js';
import type { ModelMetrics } from '../../../domain/models/metrics.js';
import { type LegacyFolder, readInside } from '../../../storage/inside-folder.js';

/** Larger ones are no evidence that a comparison would read. */
const maxBytes = 256 * 1024 * 1024;

/** A model's held-out test set, whose sum is the declared one; or in one sentence what keeps it from being evidence. */
export async function readTestText(
  folder: LegacyFolder,
  { testSet, testSha256 }: Pick<ModelMetrics, 'testSet' | 'testSha256'>,
): Promise<string | { readonly missing: string }> {
  const problem = artifactPathProblem(testSet);
  if (problem !== undefined) return { missing: `The test set: ${problem}.` };
  const read = await readInside(folder, testSet, bytesOf);
  if (read.kind !== 'read') return { missing: `The test set: ${read.detail}.` };
  if (read.value === undefined) return { missing: `The test set is larger than ${maxBytes} bytes.` };
  if (createHash('sha256').update(read.value).digest('hex') !== testSha256)
    return { missing: 'The test set has another SHA-256 than metrics.test_sha256.' };
  return read.value.toString('utf8');
}

async function bytesOf(content: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
