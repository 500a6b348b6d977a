import { type Agent, request } from 'undici';

/** What a server answered; of a long body the beginning. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  /** Milliseconds of `Retry-After`, where the header gives seconds. */
  readonly retryAfter: number | undefined;
  readonly body: Buffer;
}

const maxBodyBytes = 10 * 1024 * 1024;
const maxMillis = 30_000;

/** One request, which follows no redirect. Throws where there is no whole answer in time. */
export async function get(agent: Agent, url: URL, userAgent: string): Promise<Answer> {
  const { statusCode, headers, body } = await request(url, {
    dispatcher: agent,
    headers: { 'user-agent': userAgent, accept: 'text/html,*/*;q=0.1', 'accept-encoding': 'identity' },
    signal: AbortSignal.timeout(maxMillis),
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxBodyBytes) break;
  }
  const seconds = Number(textOf(headers['retry-after']));
  return {
    status: statusCode,
    contentType: textOf(headers['content-type']) ?? '',
    location: textOf(headers.location),
    retryAfter: Number.isInteger(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
    body: Buffer.concat(chunks),
  };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
