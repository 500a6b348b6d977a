/** A bundler replaces the whole expression by its value; elsewhere `process` may not exist. */
declare const process: { readonly env: { readonly NEXT_PUBLIC_API_GATEWAY_URL?: string } };
declare const location: { readonly origin: string } | undefined;

/**
 * The gateway's URL: the given one, else NEXT_PUBLIC_API_GATEWAY_URL, else the page's origin, since the gateway serves the pages
 * too, else the gateway's port on this machine. Without a slash at its end. Throws a TypeError for an invalid URL.
 */
export function gatewayUrl(given: string | undefined): string {
  const text = given ?? (fromEnvironment() || fromPage() || 'http://localhost:8088');
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '')
    throw new TypeError('The URL of the gateway must be one such as https://heal7.example.');
  let { href } = url;
  while (href.endsWith('/')) href = href.slice(0, -1);
  return href;
}

function fromEnvironment(): string | undefined {
  try {
    return process.env.NEXT_PUBLIC_API_GATEWAY_URL;
  } catch {
    return undefined;
  }
}

/** Pages from a file have the origin "null". */
function fromPage(): string | undefined {
  const origin = typeof location === 'undefined' ? undefined : location.origin;
  return origin?.startsWith('http') ? origin : undefined;
}
