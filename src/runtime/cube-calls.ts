import { fetchBoundedResponse } from '../metrics/bounded-response.js';

/** Calls of the engine to an instance of a cube. */
export interface CubeCalls {
  /** Status and JSON body of an answer; undefined when none came in time, or one that could not be read or is too long. */
  call(url: string, request: CubeRequest): Promise<CubeAnswer | undefined>;
}

export interface CubeRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** The permission that the called route demands of callers other than the gateway. */
  readonly permission?: string | null;
}

export interface CubeAnswer {
  readonly status: number;
  readonly body: unknown;
}

const answerMillis = 2000;
/** `tokenFor` makes a cube token that holds one permission. */
export function createCubeCalls(tokenFor: (permission: string) => string): CubeCalls {
  return {
    call: async (url, { method, path, body, permission }) => {
      try {
        const { status, text } = await fetchBoundedResponse(`${url}${path}`, {
          method,
          headers: {
            ...(permission ? { authorization: `Bearer ${tokenFor(permission)}` } : {}),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            // Not a user's request: no weight and no ramp counts it.
            'x-cube-synthetic': '1',
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(answerMillis),
        });
        return { status, body: JSON.parse(text) };
      } catch {
        return undefined;
      }
    },
  };
}
