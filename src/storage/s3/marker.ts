import { Failure } from '../../base/failures.js';
import type { Bucket } from './bucket.js';
import type { Layout } from './layout.js';
import type { S3Settings } from './settings.js';

/** The object that says that a store was begun: without it contents are missing because the store itself is. */
export class StoreMarker {
  private wasThere = false;

  constructor(
    private readonly bucket: Bucket,
    private readonly layout: Layout,
    private readonly settings: S3Settings,
  ) {}

  /** Begins a store. One that this program has seen and that is there no more is not begun again: it is another bucket by now. */
  async begin(): Promise<void> {
    if (await this.isThere()) return;
    if (this.wasThere) throw this.failure();
    await this.bucket.put(this.layout.marker, Buffer.from('The contents here are those of a cubeshift store.\n'));
    this.wasThere = true;
  }

  /** Throws `storage_unreachable` where nothing was ever staged. */
  async assertThere(): Promise<void> {
    if (!(await this.isThere())) throw this.failure();
  }

  /** By the object, and not by what is said about it: that also tells a bucket that is missing. */
  private async isThere(): Promise<boolean> {
    const found = await this.bucket.open(this.layout.marker, { start: 0, end: 0 });
    if (found === undefined) return false;
    for await (const _ of found.body) this.wasThere = true;
    return true;
  }

  private failure(): Failure {
    const { bucket, endpoint } = this.settings;
    return new Failure(
      'storage_unreachable',
      `Nothing was ever stored in CUBE_STORAGE_URL at the S3 server ${endpoint}.`,
      {
        safe: 'Nothing was changed there.',
        hint: `Correct CUBE_STORAGE_URL or CUBE_STORAGE_ENDPOINT. If the contents are lost, put an object ${this.layout.marker} into the bucket ${bucket}: a verification then finds which.`,
      },
    );
  }
}
