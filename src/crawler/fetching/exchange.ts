import type { Dispatcher } from 'undici';
import type { TargetUrl } from '../../domain/crawler/target-url.js';
import type { FetchLimits } from './fetch-limits.js';
import { PageFailure, pageFailure } from './page-failure.js';
import { readBody } from './read-body.js';

export interface HttpAnswer {
  readonly status: number;
  /** The first value of a header, by its name in small letters. */
  readonly header: (name: string) => string | undefined;
  readonly content: Buffer;
  readonly wireBytes: number;
}

export interface HttpQuestion {
  readonly target: TargetUrl;
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: FetchLimits;
  /** The statuses whose content counts; of others no byte is read. */
  readonly readsContentOf: (status: number) => boolean;
  /** Called once the host has the request, or will never have it. */
  readonly onArrived: () => void;
}

/** One request and its response, within limits; follows no redirect. Throws `PageFailure`, or the reason of the signal. */
export async function exchange(
  dispatcher: Dispatcher,
  question: HttpQuestion,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { target, headers, limits, readsContentOf, onArrived } = question;
  signal.throwIfAborted();
  const stop = new AbortController();
  const stopByCaller = () => stop.abort(signal.reason);
  signal.addEventListener('abort', stopByCaller, { once: true });
  const stopAfter = (millis: number, what: string) =>
    setTimeout(() => stop.abort(new PageFailure('timed_out', `${what} within ${millis / 1000} seconds.`)), millis);
  const total = stopAfter(limits.total, 'The response was not complete');
  const silence = stopAfter(limits.silence, 'No byte came');
  try {
    const answer = await dispatcher
      .request({ origin: target.origin, path: target.path, method: 'GET', headers, signal: stop.signal })
      .finally(onArrived);
    silence.refresh();
    const header = (name: string) => {
      const value = answer.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    if (!readsContentOf(answer.statusCode)) {
      // An error of what nobody reads any more must not end the program.
      answer.body.on('error', () => undefined).destroy();
      return { status: answer.statusCode, header, content: Buffer.alloc(0), wireBytes: 0 };
    }
    const declared = Number(header('content-length') ?? 0);
    if (declared > limits.wireBytes && limits.beyond === 'fail') {
      answer.body.on('error', () => undefined).destroy();
      throw new PageFailure(
        'too_large',
        `The response is ${declared} bytes, of which ${limits.wireBytes} are permitted.`,
      );
    }
    const read = await readBody(answer.body, header('content-encoding') ?? '', limits, () => silence.refresh());
    return { status: answer.statusCode, header, ...read };
  } catch (error) {
    signal.throwIfAborted();
    throw pageFailure(stop.signal.aborted ? stop.signal.reason : error);
  } finally {
    clearTimeout(total);
    clearTimeout(silence);
    signal.removeEventListener('abort', stopByCaller);
  }
}
