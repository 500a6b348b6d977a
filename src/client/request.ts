import type { CallMethod } from './routes.js';

/** The arguments of `fetch` for a call, without its signal; they can be used twice. */
export interface PreparedRequest {
  /** `POST /api/saju/calculate`, for errors. */
  readonly call: string;
  readonly url: string;
  readonly init: RequestInit & { readonly cache: 'no-store' };
}

/**
 * Throws a TypeError for a request that cannot be sent: an endpoint outside its service, data that is not JSON, a token that a
 * header cannot hold.
 */
export function prepareRequest(
  gateway: string,
  service: string,
  method: CallMethod,
  endpoint: string,
  data: unknown,
  token: string | undefined,
): PreparedRequest {
  const path = `/api/${service}/${checkEndpoint(endpoint)}`;
  const headers = new Headers({ Accept: 'application/json', 'X-Cube-Client': 'frontend-cube' });
  // The gateway refuses an empty bearer token.
  if (token !== undefined && token !== '') headers.set('Authorization', `Bearer ${token}`);
  const body = method === 'GET' ? undefined : writeBody(data);
  if (typeof body === 'string') headers.set('Content-Type', 'application/json');
  return {
    call: `${method} ${path.split('?', 1)[0]}`,
    url: gateway + (method === 'GET' ? addQuery(path, data) : path),
    init: {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      // A framework that caches answers of fetch would show one user's records to another.
      cache: 'no-store',
      // No service redirects; a redirect would turn a POST into a GET.
      redirect: 'manual',
    },
  };
}

/** URL parsers resolve dot segments and drop control characters: `records/..%2f` must not become another route. */
function checkEndpoint(endpoint: string): string {
  const relative = endpoint.replace(/^\//, '');
  const [path = ''] = relative.split('?');
  const odd = path.split('/').some((segment) => segment === '' || /^(\.|%2e){1,2}$/i.test(segment));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that are refused.
  if (odd || /[\\#\u0000-\u0020\u007f]/.test(relative))
    throw new TypeError('An endpoint is a path within its service, such as records/5; encode its parts.');
  return relative;
}

function writeBody(data: unknown): string | FormData | undefined {
  return data instanceof FormData ? data : JSON.stringify(data);
}

function addQuery(path: string, data: unknown): string {
  if (data === undefined) return path;
  if (typeof data !== 'object' || data === null) throw new TypeError('The data of a GET are the members of its query.');
  const given = Object.entries(data).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
  if (query === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}
