import { fileTypeFromBuffer, supportedMimeTypes } from 'file-type';

/** How much of the beginning of a content `mediaTypeOf` is to see: enough for the first entries of a document that is an archive. */
export const headBytes = 16 * 1024;

const unknown = 'application/octet-stream';

/**
 * The media type of a content by its first bytes: what was declared, parameters included, where they do not contradict it, otherwise what
 * they show. Never a type that the bytes are not, so that a browser is told to take a script for an image, or the reverse.
 */
export async function mediaTypeOf(head: Buffer, declared: string | null): Promise<string> {
  const essence = (declared ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const named = declared === null || essence === '' ? undefined : declared;
  if (head.length === 0) return named ?? unknown;
  // Otherwise the mark of UTF-16 is taken for the start of music.
  const shown = isUtf16(head) ? undefined : (await fileTypeFromBuffer(head.subarray(0, headBytes)))?.mime.split(';')[0];
  if (shown !== undefined) return named !== undefined && isOneOf(essence, shown) ? named : shown;
  // A type that is known by its first bytes would have been seen.
  const isPossible = named !== undefined && !signed.has(essence) && (isText(head) || !textual.test(essence));
  return isPossible ? named : isText(head) ? 'text/plain' : unknown;
}

const signed: ReadonlySet<string> = new Set(supportedMimeTypes);
const textual =
  /^(?:text\/.*|message\/.*|application\/(?:json|xml|javascript|ecmascript|x-sh|x-yaml|yaml|sql|x-ndjson)|.*\+(?:json|xml|yaml))$/;

/** Other names of a type, and the types whose files are files of a more general one. */
const narrower: Readonly<Record<string, RegExp>> = {
  'image/jpeg': /^image\/(?:jpg|pjpeg)$/,
  'image/bmp': /^image\/(?:x-)?(?:ms-)?bmp$/,
  'audio/mpeg': /^audio\/(?:mp3|x-mpeg|mpeg3)$/,
  'audio/wav': /^audio\/(?:x-wav|wave|vnd\.wave)$/,
  'video/vnd.avi': /^video\/(?:avi|x-msvideo|msvideo)$/,
  'video/x-ms-asf': /^(?:audio|video)\/x-ms-w[a-z]+$/,
  'application/vnd.ms-asf': /^(?:audio|video)\/x-ms-(?:w[a-z]+|asf)$/,
  'application/ogg': /^(?:audio|video)\/ogg$/,
  'application/pdf': /^application\/(?:x-pdf|acrobat)$/,
  'application/rtf': /^text\/rtf$/,
  'application/gzip': /^application\/(?:x-gzip|x-tgz|x-compressed-tar)$/,
  'application/x-rar-compressed': /^application\/(?:vnd\.rar|x-rar)$/,
  'application/zip':
    /^application\/(?:x-zip|x-zip-compressed|java-archive|vnd\.(?:openxmlformats-|oasis\.opendocument|ms-[a-z]+\.).*|(?:x-|vnd\.hancom\.|haansoft)hwpx?|owpml|.*\+zip)$/,
  'application/x-cfb':
    /^application\/(?:msword|vnd\.ms-(?:excel|powerpoint|outlook|project|works)|vnd\.visio|x-msi|(?:x-|vnd\.hancom\.|haansoft)hwp|x-ole-storage)$/,
  'application/xml': /^(?:text\/xml|application\/xhtml\+xml|.*\+xml|text\/html)$/,
};

function isOneOf(declared: string, shown: string): boolean {
  return declared === shown || narrower[shown]?.test(declared) === true;
}

/** Whether the bytes may be text, in whatever encoding: a UTF-16 mark, or no control characters but white space. */
function isText(head: Buffer): boolean {
  return isUtf16(head) || !head.subarray(0, headBytes).some(isControl);
}

function isUtf16(head: Buffer): boolean {
  return ['fffe', 'feff'].includes(head.toString('hex', 0, 2));
}

function isControl(byte: number): boolean {
  return (byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1b) || byte === 0x7f;
}
