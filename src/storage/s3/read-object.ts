import type { ByteRange } from '../../domain/byte-range.js';
import type { Bucket, OpenObject } from './bucket.js';
import { connectionFailure } from './s3-failure.js';
import type { S3Settings } from './settings.js';

/** So often in a row a broken connection is taken up again without a byte in between. */
const maxBreaks = 3;

/**
 * The bytes of an object that was opened. Where its connection breaks they go on with the next one, as long as the object is still the
 * same. Throws `storage_unreachable`.
 */
export async function* readObject(
  bucket: Bucket,
  settings: S3Settings,
  key: string,
  opened: OpenObject,
  range?: ByteRange,
): AsyncGenerator<Buffer> {
  const { version } = opened;
  let position = range?.start ?? 0;
  let breaks = 0;
  for (let { body } = opened; ; ) {
    try {
      for await (const chunk of body) {
        position += chunk.length;
        breaks = 0;
        yield chunk;
      }
      return;
    } catch (error) {
      const failure = connectionFailure(error, settings);
      breaks += 1;
      if (failure === error || breaks > maxBreaks) throw failure;
      // To its end where no range was asked for: no object is longer.
      const left = { start: position, end: range?.end ?? Number.MAX_SAFE_INTEGER };
      if (left.start > left.end) return;
      const again = await bucket.open(key, left, version);
      if (again === undefined) throw failure;
      body = again.body;
    }
  }
}
