import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';

export interface FolderEntry {
  /** Relative to the folder. */
  readonly path: string;
  readonly stats: Stats;
}

/** Everything in a folder, the folder itself first; the order is that of the names' bytes, whatever the file system says. */
export function entriesOf(folder: string, path = ''): readonly FolderEntry[] {
  const stats = lstatSync(join(folder, path));
  if (!stats.isDirectory()) return [{ path, stats }];
  const names = readdirSync(join(folder, path)).sort((one, other) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other)),
  );
  return [{ path, stats }, ...names.flatMap((name) => entriesOf(folder, join(path, name)))];
}

/** One SHA-256 over all names, contents and symbolic links in a folder. Throws for anything else, as a device. */
export async function contentSum(folder: string): Promise<string> {
  const sum = createHash('sha256');
  for (const { path, stats } of entriesOf(folder)) {
    if (stats.isDirectory()) continue;
    sum.update(JSON.stringify([path, await describe(join(folder, path), stats)]));
  }
  return sum.digest('hex');
}

async function describe(file: string, stats: Stats): Promise<readonly [string, string]> {
  if (stats.isSymbolicLink()) return ['link', readlinkSync(file)];
  if (!stats.isFile()) throw new Error(`${file} is neither file, folder nor link`);
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) sum.update(chunk);
  return ['file', sum.digest('hex')];
}
