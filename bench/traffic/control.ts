import { setTimeout as sleep } from 'node:timers/promises';
import { issueCubeToken } from '../../src/auth/tokens.js';

/** The control API of a stack, called as its operators call it. */
export class Control {
  constructor(
    private readonly url: string,
    private readonly secret: string,
  ) {}

  /** Throws with the answer when it is not a success. */
  async call<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<T> {
    const identity = { cubeId: 'benchmark', permissions: ['migration:read', 'migration:write'] };
    const { token } = issueCubeToken(this.secret, identity, new Date());
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** Asks until the answer is what is waited for. */
  async askUntil<T>(path: string, fits: (answer: T) => boolean, what: string): Promise<T> {
    let last: T | undefined;
    await untilTrue(
      async () => {
        last = await this.call<T>('GET', path);
        return fits(last);
      },
      () => `${what}: ${JSON.stringify(last)}`,
    );
    return last as T;
  }
}

/** A ramp that looks as often as usual may need half of it. */
const patienceMillis = 3 * 60_000;
const lookMillis = 100;

/** Looks every tenth of a second; throws what was waited for after three minutes. */
export async function untilTrue(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = Date.now() + patienceMillis;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what()}`);
    await sleep(lookMillis);
  }
}
