import { type PaperworkRefusal, refusal } from './refusal.js';

/** Limits of `POST /files`, equal at legacy and cube. */
export interface UploadLimits {
  readonly maxFileBytes: number;
  readonly maxMetadataBytes: number;
}

export const uploadLimits: UploadLimits = { maxFileBytes: 4 * 1024 ** 3, maxMetadataBytes: 1024 * 1024 };

export function fileTooLarge({ maxFileBytes }: UploadLimits): PaperworkRefusal {
  return refusal(413, 'file', `The file is larger than ${maxFileBytes} bytes.`);
}

export function metadataTooLarge({ maxMetadataBytes }: UploadLimits): PaperworkRefusal {
  return refusal(413, 'metadata', `The metadata are larger than ${maxMetadataBytes} bytes.`);
}

/** The field `metadata` as text that is JSON; null where there is none. PostgreSQL may still refuse what it says: `metadataRefused`. */
export function readMetadata(
  text: string | null,
): { readonly kind: 'accepted'; readonly metadata: string | null } | PaperworkRefusal {
  if (text === null) return { kind: 'accepted', metadata: null };
  try {
    JSON.parse(text);
  } catch {
    return refusal(400, 'metadata', 'metadata is not valid JSON.');
  }
  return { kind: 'accepted', metadata: text };
}

/** What a PostgreSQL that cannot hold the metadata is answered with: text with a NUL, a number beyond all. */
export const metadataRefused = refusal(422, 'metadata', 'The metadata cannot be stored.');

/** The media type of an upload as a row keeps it: what the client said, in lower case and without parameters. */
export function uploadMimeType(given: string | undefined): string {
  const type = (given ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return isMimeType(type) ? type : 'application/octet-stream';
}

/** What content of a row is sent as: its type, where that is one and nothing else. */
export function sentMimeType(stored: string | null): string {
  return stored !== null && isMimeType(stored) ? stored : 'application/octet-stream';
}

function isMimeType(text: string): boolean {
  return text.length <= 255 && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(; ?[\w-]+=[\w.+-]+)*$/.test(text);
}
