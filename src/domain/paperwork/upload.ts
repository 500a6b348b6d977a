import { type PaperworkRefusal, refusal } from './refusal.js';

/** Limits of `POST /files`, equal at legacy and cube. */
export interface UploadLimits {
  readonly maxFileBytes: number;
  readonly maxMetadataBytes: number;
}

/** The limits where the largest file may have so many MiB. */
export function uploadLimitsOf(fileMebibytes: number): UploadLimits {
  return { maxFileBytes: fileMebibytes * mebibyte, maxMetadataBytes: mebibyte };
}

const mebibyte = 1024 * 1024;

export const uploadLimits = uploadLimitsOf(4096);

/** Bytes of the largest body of an upload: with more than headers and boundaries of its parts take. */
export function uploadBodyBytes({ maxFileBytes, maxMetadataBytes }: UploadLimits): number {
  return maxFileBytes + maxMetadataBytes + mebibyte;
}

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

/** A media type in lower case, where a text is one and nothing else, otherwise null: it goes into a header. */
export function plainMimeType(text: string | null | undefined): string | null {
  const type = (text ?? '').trim();
  return type.length <= 255 && mimeType.test(type) ? type.toLowerCase() : null;
}

const mimeType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w-]+=[\w.+-]+)*$/;
