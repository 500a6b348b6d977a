import { Client, Connection } from '@temporalio/client';
import type { Engine } from './engine.js';

/** How many activities of a run's plan were finished by a later attempt than their first. */
export async function retriedActivities(engine: Engine, workflowId: string): Promise<number> {
  const { events } = await historyOf(engine, workflowId);
  return (events ?? []).filter((event) => (event.activityTaskStartedEventAttributes?.attempt ?? 1) > 1).length;
}

/** Everything the history of a run's plan holds, payloads included, as one text. */
export async function historyText(engine: Engine, workflowId: string): Promise<string> {
  const texts: string[] = [];
  collect(await historyOf(engine, workflowId), texts);
  return texts.join('\n');
}

async function historyOf({ temporalAddress, namespace }: Engine, workflowId: string) {
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    return await new Client({ connection, namespace }).workflow.getHandle(workflowId).fetchHistory();
  } finally {
    await connection.close();
  }
}

function collect(value: unknown, texts: string[]): void {
  if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('utf8'));
  else if (typeof value === 'string') texts.push(value);
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) collect(part, texts);
}
