import { setTimeout as sleep } from 'node:timers/promises';
import { RawConnection } from './raw-connection.js';

export interface SteadyLoad {
  readonly port: number;
  readonly path: string;
  readonly tokens: readonly string[];
  /** Requests a second, whatever the answers do. */
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
}

export interface LatencyFigures {
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

/**
 * Requests at a constant rate. A request is timed from the moment it was due, not from when it could be sent: a stall then
 * shows in every request that it delayed.
 */
export async function steadyLoad({
  port,
  path,
  tokens,
  rate,
  seconds,
  connections,
}: SteadyLoad): Promise<LatencyFigures> {
  const texts = tokens.map((token) => `GET ${path} HTTP/1.1\r\nHost: heal7\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  const total = Math.round(rate * seconds);
  const millis: number[] = [];
  let errors = 0;
  const idle = await Promise.all(Array.from({ length: connections }, () => RawConnection.open(port)));
  const all = [...idle];
  const begun = performance.now();
  let sent = 0;
  let due = 0;
  /** Sends what is due as far as connections are free. */
  const sendDue = () => {
    while (sent < due) {
      const connection = idle.pop();
      if (connection === undefined) return;
      const wasDue = begun + (sent * 1000) / rate;
      connection.send(texts[sent % texts.length] ?? '', (status) => {
        if (status !== 200) errors++;
        millis.push(performance.now() - wasDue);
        idle.push(connection);
        sendDue();
      });
      sent++;
    }
  };
  while (due < total) {
    due = Math.min(total, Math.floor(((performance.now() - begun) * rate) / 1000) + 1);
    sendDue();
    await sleep(1);
  }
  const deadline = performance.now() + maxWaitMillis;
  while (millis.length < total && performance.now() < deadline) await sleep(1);
  for (const connection of all) connection.close();
  errors += total - millis.length;
  // What the first connections cost is not what a request costs.
  const settled = millis.slice(Math.floor(millis.length / 10)).sort((a, b) => a - b);
  const at = (share: number) => settled[Math.min(settled.length - 1, Math.floor(settled.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), errors };
}

/** An answer that has not come by then is an error. */
const maxWaitMillis = 10_000;
