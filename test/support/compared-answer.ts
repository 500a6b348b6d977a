import type { Dispatcher } from 'undici';

/** What a service answered, as far as legacy and cube have to answer the same. */
export interface ComparedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What the two sides may differ in: `docs/saju-differences.md` says why. */
const hostHeaders = ['x-request-id', 'traceparent', 'date', 'connection', 'keep-alive'];

export async function comparedAnswer({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<ComparedAnswer> {
  const text = await body.text();
  const kept = Object.entries(headers).filter(([name]) => !hostHeaders.includes(name));
  return { status: statusCode, headers: Object.fromEntries(kept), text };
}
