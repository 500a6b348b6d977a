import type { RejectPage } from '../api/rejects.js';
import { type ControlClient, migrationPath } from './control-client.js';
import type { Output } from './output.js';

export type ListedReject = RejectPage['items'][number];

/** Which rejects are read. */
export interface RejectQuery {
  readonly id?: string;
  readonly table?: string;
  readonly reason?: string;
  readonly resolution?: string;
}

/** The rejects of a run that fit a query, one after the other: a page is in memory at a time. */
export async function* readRejects(
  client: ControlClient,
  migrationId: string,
  query: RejectQuery,
  output: Output,
): AsyncGenerator<ListedReject> {
  for (let cursor: string | null = ''; cursor !== null; ) {
    const given = { ...query, limit: '1000', ...(cursor === '' ? {} : { cursor }) };
    const parameters = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== undefined));
    const path = `${migrationPath(migrationId)}/rejects?${parameters}`;
    const page: RejectPage = await client.readWithRetries<RejectPage>(path, output);
    yield* page.items;
    cursor = page.next_cursor;
  }
}

/** The first of them, and whether there are more. */
export async function firstRejects(
  rejects: AsyncIterable<ListedReject>,
  max: number,
): Promise<{ readonly items: readonly ListedReject[]; readonly isAll: boolean }> {
  const items: ListedReject[] = [];
  for await (const reject of rejects) {
    if (items.length === max) return { items, isAll: false };
    items.push(reject);
  }
  return { items, isAll: true };
}
