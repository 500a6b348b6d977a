import { EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { refuseOthers } from '../local-caller.js';
import { impossible, malformed, Problem } from '../problem.js';

/** What is planted: for tests and demonstrations. */
export interface PlantedFaults {
  /** The share of requests that are answered 500, with nothing done, 0 to 1. */
  readonly fail_share: number;
  /** Nothing is done and no answer comes until this is taken back or the client gives up. */
  readonly hang: boolean;
  /** What was asked is done, and answered so much later. */
  readonly late_ms: number;
  /** What was asked is done, and the connection is closed without an answer. */
  readonly lose_answers: boolean;
  /** Only requests whose path ends so, as in `pause`; null for all. */
  readonly only: string | null;
}

const none: PlantedFaults = { fail_share: 0, hang: false, late_ms: 0, lose_answers: false, only: null };
const maxMillis = 600_000;

export class Faults {
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private current = none;

  get planted(): PlantedFaults {
    return this.current;
  }

  plant(faults: PlantedFaults): void {
    this.current = faults;
    this.changes.emit('planted');
  }

  /** Waits or throws as planted, before anything is done; nothing is done for a client that has left meanwhile. */
  async strikeBefore(path: string, gone: AbortSignal): Promise<void> {
    while (this.current.hang && this.concerns(path) && !gone.aborted)
      await once(this.changes, 'planted', { signal: gone }).catch(() => undefined);
    if (gone.aborted) throw new Problem(503, 'unexpected', 'The client has left.');
    if (this.concerns(path) && Math.random() < this.current.fail_share)
      throw new Problem(500, 'unexpected', 'Something went wrong.');
  }

  /** Waits, or closes the connection, as planted, after everything is done. */
  async strikeAfter(path: string, reply: FastifyReply, gone: AbortSignal): Promise<void> {
    if (!this.concerns(path)) return;
    const { late_ms: millis, lose_answers: isLost } = this.current;
    if (millis > 0) await pause(millis, undefined, { signal: gone }).catch(() => undefined);
    if (isLost) reply.raw.destroy();
  }

  private concerns(path: string): boolean {
    return this.current.only === null || path.endsWith(this.current.only);
  }
}

/** Has the faults strike every route of the scope. */
export function strikeRoutes(routes: FastifyInstance, faults: Faults): void {
  const goneOf = (reply: FastifyReply) => {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    return gone.signal;
  };
  routes.addHook('preHandler', async ({ url }, reply) => faults.strikeBefore(pathOf(url), goneOf(reply)));
  routes.addHook('onSend', async ({ url }, reply) => faults.strikeAfter(pathOf(url), reply, goneOf(reply)));
}

/** `GET` says what is planted, `POST` plants that and nothing else; both for callers on this machine alone. */
export function registerFaultRoutes(app: FastifyInstance, faults: Faults): void {
  app.get('/_faults', async (request) => {
    refuseOthers(request);
    return faults.planted;
  });
  app.post('/_faults', async (request) => {
    refuseOthers(request);
    faults.plant(readFaults(request.body));
    return faults.planted;
  });
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? '';
}

function readFaults(body: unknown): PlantedFaults {
  if (typeof body !== 'object' || body === null) throw malformed('body', 'The body is not a JSON object.');
  const unknown = Object.keys(body).find((name) => !(name in none));
  if (unknown !== undefined) throw malformed(unknown, 'There is no such fault.');
  const wanted: PlantedFaults = { ...none, ...body };
  if (!(typeof wanted.fail_share === 'number' && wanted.fail_share >= 0 && wanted.fail_share <= 1))
    throw impossible('fail_share', 'fail_share is not 0 to 1.');
  if (!(Number.isInteger(wanted.late_ms) && wanted.late_ms >= 0 && wanted.late_ms <= maxMillis))
    throw impossible('late_ms', `late_ms is not a whole number, 0 to ${maxMillis}.`);
  for (const name of ['hang', 'lose_answers'] as const)
    if (typeof wanted[name] !== 'boolean') throw malformed(name, `${name} is not true or false.`);
  if (wanted.only !== null && typeof wanted.only !== 'string') throw malformed('only', 'only is not a text or null.');
  return wanted;
}
