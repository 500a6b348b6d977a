import { Bucket } from './bucket.js';
import { layoutOf } from './layout.js';
import { S3Requests } from './requests.js';
import type { S3Settings } from './settings.js';

const options = { clock: () => new Date(), silenceMillis: 4000, attempts: 2, pauseMillis: 100 };

/** Whether a store was begun at a place that can be reached and read. Throws what is wrong with the server, the bucket or the keys. */
export async function inspectS3(settings: S3Settings): Promise<boolean> {
  const requests = new S3Requests(settings, options);
  try {
    const bucket = new Bucket(requests);
    const { marker, root } = layoutOf(settings.prefix);
    // Contents that are missing are told from a bucket that is missing by a list alone.
    for await (const _ of bucket.list(root)) break;
    return (await bucket.look(marker)) !== undefined;
  } finally {
    await requests.close();
  }
}
