import { Failure, type FailureType } from '../../base/failures.js';
import type { S3Settings } from './settings.js';

/** What an S3 server answered instead of carrying a request out; `code` is its own word for why. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
}

type Place = Pick<S3Settings, 'bucket' | 'endpoint'>;

interface Explanation {
  readonly type?: FailureType;
  readonly message: string;
  readonly hint: string;
}

const continues = 'the run continues by itself.';
const restart = `start the programs that have it again; ${continues}`;

/**
 * The one door for what goes wrong at an S3 server. Nothing of a request or an answer leaves through it but the server's word for why: both
 * hold signatures. That is also why no failure has a `cause`.
 */
export function refusalFailure(refusal: Refusal, place: Place): Failure {
  const { type = 'storage_unreachable', message, hint } = explain(refusal, place);
  return new Failure(type, message, { hint });
}

/** Whether the same request may be carried out a little later. */
export function passesByItself({ status, code }: Refusal): boolean {
  return status >= 500 ? status !== 501 && status !== 507 : status === 429 || passing.has(code);
}

const passing: ReadonlySet<string> = new Set([
  'RequestTimeout',
  'SlowDown',
  'ConditionalRequestConflict',
  'OperationAborted',
]);

const full: ReadonlySet<string> = new Set([
  'XMinioStorageFull',
  'InsufficientStorage',
  'QuotaExceeded',
  'EntityTooLarge',
]);

function explain({ status, code }: Refusal, { bucket, endpoint }: Place): Explanation {
  const said = code === '' ? String(status) : `${status} ${code}`;
  if (status === 507 || full.has(code))
    return {
      type: 'disk_full',
      message: `No space is left in the bucket ${bucket} of the S3 server ${endpoint} (${said}).`,
      hint: `Free space there, or raise its quota; ${continues}`,
    };
  if (code === 'NoSuchBucket')
    return {
      message: `The S3 server ${endpoint} has no bucket ${bucket}.`,
      hint: `Make the bucket, or correct CUBE_STORAGE_URL and ${restart}`,
    };
  if (code === 'RequestTimeTooSkewed')
    return {
      message: `The clock of this machine and that of the S3 server ${endpoint} differ by more than it allows.`,
      hint: `Set the clock that is wrong; ${continues}`,
    };
  if (code === 'SignatureDoesNotMatch')
    return {
      message: `The S3 server ${endpoint} says that CUBE_STORAGE_SECRET_KEY is not the secret of CUBE_STORAGE_ACCESS_KEY.`,
      hint: `Correct CUBE_STORAGE_SECRET_KEY and ${restart}`,
    };
  if (code === 'InvalidAccessKeyId')
    return {
      message: `The S3 server ${endpoint} does not know CUBE_STORAGE_ACCESS_KEY.`,
      hint: `Correct CUBE_STORAGE_ACCESS_KEY and CUBE_STORAGE_SECRET_KEY, and ${restart}`,
    };
  if (status === 401 || status === 403)
    return {
      message: `The S3 server ${endpoint} does not let CUBE_STORAGE_ACCESS_KEY read, write, list and delete in the bucket ${bucket} (${said}).`,
      hint: `Give that key these rights, or correct CUBE_STORAGE_ACCESS_KEY and ${restart}`,
    };
  if (code === 'AuthorizationHeaderMalformed' || (status >= 300 && status < 400))
    return {
      message: `The S3 server ${endpoint} says that the bucket ${bucket} lies elsewhere (${said}).`,
      hint: `Set CUBE_STORAGE_REGION and CUBE_STORAGE_ENDPOINT to those of the bucket, and ${restart}`,
    };
  if (passesByItself({ status, code }))
    return {
      message: `The S3 server ${endpoint} does not carry out requests at present (${said}).`,
      hint: `See what it is busy with; ${continues}`,
    };
  return {
    message: `The S3 server ${endpoint} refused a request (${said}).`,
    hint: `See in its log why; ${continues}`,
  };
}

/** A connection that could not be made, broke, or stayed silent for too long; any other error is returned as it is. */
export function connectionFailure(error: unknown, { endpoint }: Place): unknown {
  const why = codeOf(error);
  if (error instanceof Failure || why === undefined) return error;
  const isUntrusted = /CERT|SELF_SIGNED|UNABLE_TO/.test(why);
  return new Failure(
    'storage_unreachable',
    isUntrusted
      ? `The certificate of the S3 server ${endpoint} is not trusted (${why}).`
      : `The S3 server ${endpoint} cannot be reached, or its connection broke (${why}).`,
    {
      hint: isUntrusted
        ? `Name the authority that signed it in NODE_EXTRA_CA_CERTS and ${restart}`
        : `Bring the server back, or correct CUBE_STORAGE_ENDPOINT and ${restart}`,
    },
  );
}

/** The code of the system or of the HTTP client: no text, which may quote what was sent. */
function codeOf(error: unknown): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause)
    if ('code' in one && typeof one.code === 'string' && /^[A-Z0-9_]{1,60}$/.test(one.code)) return one.code;
  return undefined;
}
