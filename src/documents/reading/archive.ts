import { promisify } from 'node:util';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import type { DocumentLimits } from '../document-limits.js';
import { Refused } from './refused.js';

/** More entries than any document has; each costs memory before it is expanded. */
const maxEntries = 10_000;
/** What no text compresses to, once it is large enough to do harm. */
const maxRatio = 200;
const smallBytes = 32 * 1024 * 1024;

const openArchive = promisify<Buffer, yauzl.Options, ZipFile>(yauzl.fromBuffer);

/**
 * Expands every entry of an archive, keeping none but the list of content types, which it returns. Throws `Refused` as soon as what was
 * expanded is too much, so that no library sees such an archive, and for an entry that is not as long as it says.
 */
export async function readContentTypes(content: Buffer, limits: DocumentLimits): Promise<string | undefined> {
  let archive: ZipFile;
  try {
    archive = await openArchive(content, { lazyEntries: true });
  } catch {
    throw new Refused('document_damaged');
  }
  if (archive.entryCount > maxEntries) throw new Refused('archive_too_large');
  let expanded = 0;
  let types: string | undefined;
  for await (const entry of entriesOf(archive)) {
    if (entry.isEncrypted()) throw new Refused('password_protected');
    const kept: Buffer[] = [];
    const isTypes = entry.fileName === '[Content_Types].xml';
    for await (const chunk of await contentOf(archive, entry)) {
      expanded += chunk.length;
      if (isTooLarge(expanded, content.length, limits)) throw new Refused('archive_too_large');
      if (isTypes) kept.push(chunk);
    }
    if (isTypes) types = Buffer.concat(kept).toString('utf8');
  }
  return types;
}

function isTooLarge(expanded: number, packed: number, limits: DocumentLimits): boolean {
  return expanded > limits.maxExpandedBytes || (expanded > smallBytes && expanded > maxRatio * packed);
}

async function* entriesOf(archive: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      archive.once('entry', resolve);
      archive.once('end', () => resolve(undefined));
      archive.once('error', reject);
      archive.readEntry();
    });
    archive.removeAllListeners('entry').removeAllListeners('end').removeAllListeners('error');
    if (entry === undefined) return;
    yield entry;
  }
}

function contentOf(archive: ZipFile, entry: Entry): Promise<AsyncIterable<Buffer>> {
  return new Promise((resolve, reject) => {
    archive.openReadStream(entry, (error, stream) => (error === null ? resolve(stream) : reject(error)));
  });
}
