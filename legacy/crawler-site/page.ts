/** What a path of the site is answered with. */
export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** So long nothing is sent. */
  readonly waitMillis?: number;
}

export function htmlPage(html: string, headers: Readonly<Record<string, string>> = {}): Page {
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8', ...headers }, body: Buffer.from(html) };
}

export function emptyPage(status: number, headers: Readonly<Record<string, string>> = {}): Page {
  return { status, headers: { 'content-type': 'text/plain', ...headers }, body: Buffer.from(`${status}\n`) };
}
