/** A place in a bucket of a server that speaks S3. */
interface S3Place {
  readonly bucket: string;
  /** What the names of objects there begin with, without the slash that follows; empty for the bucket itself. */
  readonly prefix: string;
}

/** Whether the address of a store is one at a server that speaks S3, right or wrong. */
export function isS3(url: string | undefined): boolean {
  return /^s3:/i.test(url ?? '');
}

/** `s3://bucket/prefix`, where names need no escape anywhere; undefined for what is none. */
export function s3Place(url: string): S3Place | undefined {
  const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[\w.-]+)*)\/?$/.exec(url);
  const [, bucket, path = ''] = found ?? [];
  const names = path.split('/').slice(1);
  if (bucket === undefined || names.some((name) => /^\.+$/.test(name))) return undefined;
  return { bucket, prefix: names.join('/') };
}
