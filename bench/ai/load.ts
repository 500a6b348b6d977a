import { RawConnection } from '../gateway/raw-connection.js';
import { percentile } from '../statistics.js';

export interface PredictionLoad {
  readonly port: number;
  /** Whole requests, sent in turn. */
  readonly requests: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadFigures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

/** The share of a round that is not counted: connections and batches settle. */
const settlingShare = 0.1;

/** Each connection sends its next request when it has its answer. */
export async function predictionLoad({ port, requests, connections, seconds }: PredictionLoad): Promise<LoadFigures> {
  const open = await Promise.all(Array.from({ length: connections }, () => RawConnection.open(port)));
  const begun = performance.now();
  const [countedFrom, until] = [begun + settlingShare * seconds * 1000, begun + seconds * 1000];
  const millis: number[] = [];
  let [sent, errors] = [0, 0];
  const run = (connection: RawConnection) =>
    new Promise<void>((resolve) => {
      const next = () => {
        const at = performance.now();
        if (at >= until) {
          resolve();
          return;
        }
        connection.send(requests[sent++ % requests.length] ?? '', (status) => {
          const now = performance.now();
          if (status !== 200) errors += 1;
          else if (at >= countedFrom && now <= until) millis.push(now - at);
          if (status === 0) resolve();
          else next();
        });
      };
      next();
    });
  await Promise.all(open.map(run));
  for (const connection of open) connection.close();
  return {
    perSecond: millis.length / ((1 - settlingShare) * seconds),
    p50: percentile(millis, 0.5),
    p99: percentile(millis, 0.99),
    errors,
  };
}

/** A prediction of one or several rows as a whole HTTP request, in ASCII. */
export function predictionRequest(path: string, token: string, rows: readonly unknown[]): string {
  const body = JSON.stringify({ inputs: rows }).replace(
    /[\u0080-\uffff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return [
    `POST ${path} HTTP/1.1`,
    'Host: heal7',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}
