/** Where a store lies on a server that speaks S3, and whose keys open it. */
export interface S3Settings {
  readonly bucket: string;
  /** What the names of its objects begin with, without the slash that follows; empty for the bucket itself. */
  readonly prefix: string;
  /** URL of the server. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}
