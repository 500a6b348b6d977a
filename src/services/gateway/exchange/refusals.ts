import type { Problem } from '../../../api/problem.js';
import { Failure } from '../../../base/failures.js';
import { trafficNames } from '../../../domain/cubes.js';
import { problemOf } from '../../../http/problem.js';
import { crossUserFailure } from '../../../upstream/call.js';
import type { UnavailableReason } from '../../../upstream/upstream.js';

/** A problem with which the gateway itself answers a request. */
export interface GatewayRefusal {
  readonly status: number;
  readonly problem: Problem;
  /** Seconds after which a retry may succeed. */
  readonly retryAfter?: number;
  /** The methods that are served. */
  readonly allow?: string;
  /** Whether the connection is closed: the start of the next request is unknown. */
  readonly closes?: boolean;
}

/** `status` replaces the failure's own status. */
export function refusal(failure: Failure, status?: number, retryAfter?: number): GatewayRefusal {
  const problem = problemOf(failure, status);
  return { status: problem.status, problem, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

function badRequest(status: number, detail: string, hint: string): GatewayRefusal {
  return refusal(new Failure('invalid_input', detail, { hint }), status);
}

/** Refusals that need no call of a service. */
export const refusals = {
  path: badRequest(
    400,
    'The path can be read in more than one way.',
    'Send it in origin form, without dot segments, double slashes, backslashes or escaped ones.',
  ),
  host: badRequest(400, 'There must be one Host header.', 'Send it once.'),
  upgrade: badRequest(400, 'Only WebSocket connections can be upgraded to.', 'Leave the Upgrade header out.'),
  userTwice: badRequest(400, 'There are two X-User-Id headers.', 'Send one.'),
  userUnsendable: badRequest(
    400,
    'The user id cannot be written into a header.',
    'Use one without control characters and without white space around it.',
  ),
  authorizationTwice: badRequest(400, 'There are two Authorization headers.', 'Send one.'),
  protocol: {
    ...badRequest(400, 'Only HTTP/1.1 and HTTP/1.0 are spoken here.', 'Send it as RFC 9112 says.'),
    closes: true,
  },
  encoding: {
    ...badRequest(400, 'The only transfer encoding is chunked, in HTTP/1.1.', 'Send it so, or with a Content-Length.'),
    closes: true,
  },
  malformed: badRequest(400, 'The request could not be read.', 'Send it as RFC 9112 says.'),
  expectation: badRequest(417, 'No expectation can be met.', 'Leave the Expect header out.'),
  url: badRequest(414, 'The URL is longer than 8 KiB.', 'Shorten it.'),
  headers: badRequest(431, 'The headers are larger than 16 KiB, or more than a hundred.', 'Send fewer.'),
  slow: badRequest(408, 'The request did not arrive in time.', 'Send it at once.'),
  method: {
    ...badRequest(405, 'This method is not served.', 'Use another.'),
    allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
  },
  reading: { ...badRequest(405, 'This path is only read.', 'Use GET or HEAD.'), allow: 'GET, HEAD' },
  seconds: badRequest(400, 'seconds must be a whole number.', 'Leave it out for the last ten minutes.'),
  cubeUnknown: badRequest(
    400,
    'cube must name a cube.',
    `Use ${trafficNames.slice(0, -1).join(', ')} or ${trafficNames.at(-1)}.`,
  ),
  notFound: refusal(
    new Failure('not_found', 'There is nothing at this path of the gateway.', {
      hint: 'See docs/gateway.md for what there is.',
    }),
  ),
  token: refusal(new Failure('unauthorized', 'Invalid token', { hint: 'Send a valid token, or none.' })),
  tokenNeeded: refusal(new Failure('unauthorized', 'This call needs a cube token.')),
  failed: refusal(new Failure('upstream_failed', 'The service did not give a complete response.')),
  crossUser: refusal(crossUserFailure()),
  notHttp: refusal(new Failure('upstream_failed', 'The service answered something that is not HTTP.')),
  timedOut: refusal(new Failure('upstream_timeout', 'The service did not answer in time.')),
  unexpected: refusal(new Failure('unexpected', 'The gateway failed at this request.', { hint: 'See its log.' })),
} as const satisfies Record<string, GatewayRefusal>;

export function bodyTooLarge(maxBytes: number): GatewayRefusal {
  return badRequest(413, `The body is larger than ${maxBytes / 1024 / 1024} MiB.`, 'Send less at a time.');
}

export function permissionNeeded(permission: string): GatewayRefusal {
  return refusal(new Failure('forbidden', `This call needs the permission ${permission}.`));
}

const rateRefusals = {
  address: refusal(new Failure('rate_limited', 'This address sends too many requests.')),
  subject: refusal(new Failure('rate_limited', 'This user sends too many requests.')),
} as const;

export function tooManyRequests(by: 'address' | 'subject', waitMillis: number): GatewayRefusal {
  return { ...rateRefusals[by], retryAfter: Math.ceil(waitMillis / 1000) };
}

/** Refusals of further WebSockets. */
export const tooManyTunnels = {
  gateway: refusal(new Failure('upstream_unavailable', 'As many WebSockets are open as this gateway holds.'), 503, 5),
  one: refusal(
    new Failure('rate_limited', 'As many WebSockets are open as one user or address may have.', {
      hint: 'Close one first.',
    }),
    429,
    5,
  ),
} as const;

/** `openForMillis`: time until the next trial of a route with an open breaker. */
export function notServed(why: UnavailableReason, prefix: string, openForMillis = 0): GatewayRefusal {
  switch (why) {
    case 'nobody':
      return unavailable(`Nothing serves ${prefix} now.`, 5);
    case 'too_many':
      return unavailable(`Too many calls to ${prefix} are under way.`, 1);
    case 'broken_off':
      return unavailable(
        `Most calls to ${prefix} failed of late; it is left alone for a while.`,
        Math.max(1, Math.ceil(openForMillis / 1000)),
      );
  }
}

function unavailable(sentence: string, retryAfter: number): GatewayRefusal {
  return refusal(new Failure('upstream_unavailable', sentence), undefined, retryAfter);
}

export function stillHeld(retryAfter: number): GatewayRefusal {
  return refusal(
    new Failure('upstream_unavailable', 'Requests of this kind are held back for a moment.', { hint: 'Repeat it.' }),
    undefined,
    retryAfter,
  );
}
