import { Client, Connection } from '@temporalio/client';
import type { Engine } from './engine.js';

/** Everything the history of a run's plan holds, payloads included, as one text. */
export async function historyText(engine: Engine, workflowId: string): Promise<string> {
  const connection = await Connection.connect({ address: engine.temporalAddress });
  try {
    const client = new Client({ connection, namespace: engine.namespace });
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    const texts: string[] = [];
    collect(history, texts);
    return texts.join('\n');
  } finally {
    await connection.close();
  }
}

function collect(value: unknown, texts: string[]): void {
  if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('utf8'));
  else if (typeof value === 'string') texts.push(value);
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) collect(part, texts);
}
