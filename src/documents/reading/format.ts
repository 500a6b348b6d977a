import { fileTypeFromBuffer } from 'file-type';
import type { DocumentLimits } from '../document-limits.js';
import { readContentTypes } from './archive.js';
import { hasControlCharacters, hasUtf16Mark } from './plain-text.js';
import { Refused } from './refused.js';

export type DocumentFormat = 'pdf' | 'docx' | 'xlsx' | 'image' | 'text';

const images: ReadonlySet<string> = new Set([
  'image/png',
  'image/apng',
  'image/jpeg',
  'image/tiff',
  'image/bmp',
  'image/webp',
  'image/gif',
]);
const headBytes = 64 * 1024;

/** What a content is by its bytes alone. Throws `Refused` for what is none of these. */
export async function formatOf(content: Buffer, limits: DocumentLimits): Promise<DocumentFormat> {
  // The mark of UTF-16 is taken for the start of music.
  if (hasUtf16Mark(content)) return 'text';
  if (content.subarray(0, 1024).includes('%PDF-')) return 'pdf';
  if (content.toString('latin1', 0, 4) === archiveSignature) return officeFormat(content, limits);
  const type = (await fileTypeFromBuffer(content.subarray(0, headBytes)))?.mime.split(';')[0];
  if (type !== undefined && images.has(type)) return 'image';
  if (type === 'application/x-cfb' && isEncryptedOffice(content)) throw new Refused('password_protected');
  if ((type === undefined || type === 'application/xml') && !hasControlCharacters(content)) return 'text';
  throw new Refused('type_unsupported');
}

const archiveSignature = 'PK\x03\x04';

/** The parts of an office document say what they are in one place, whatever their names. */
async function officeFormat(content: Buffer, limits: DocumentLimits): Promise<DocumentFormat> {
  const types = (await readContentTypes(content, limits)) ?? '';
  if (/\bapplication\/vnd\.(?:openxmlformats-officedocument\.wordprocessingml|ms-word)\.[\w.]+\+xml\b/.test(types))
    return 'docx';
  if (/\bapplication\/vnd\.(?:openxmlformats-officedocument\.spreadsheetml|ms-excel)\.[\w.]+\+xml\b/.test(types))
    return 'xlsx';
  throw new Refused('type_unsupported');
}

/** An office document with a password is a compound file with one stream of this name. */
function isEncryptedOffice(content: Buffer): boolean {
  return content.includes(Buffer.from('EncryptedPackage', 'utf16le'));
}
