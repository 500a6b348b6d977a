import { type Environment, readConfiguration } from '../config/configuration.js';
import { s3Settings, storageVariables } from '../storage/open-store.js';
import { inspectS3 } from '../storage/s3/inspect-s3.js';

/** What is at the place of the store, in a sentence. Throws what is wrong with an S3 server, its bucket or the keys. */
export async function inspectStorage(environment: Environment): Promise<{ readonly sentence: string }> {
  const settings = s3Settings(readConfiguration(environment, storageVariables));
  if (settings === undefined) return { sentence: 'contents lie in this folder' };
  const isBegun = await inspectS3(settings);
  const what = isBegun ? 'a store' : 'nothing stored under the prefix yet';
  return { sentence: `the S3 server ${settings.endpoint} answers, bucket ${settings.bucket}, with ${what}` };
}
