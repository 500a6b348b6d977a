import type { RejectPage } from '../../src/api/rejects.js';
import type { RejectItem } from '../../src/domain/migration/reject-item.js';
import type { RejectSummary } from '../../src/domain/migration/reject-summary.js';
import type { Engine } from './engine.js';

/** Every reject of a run that fits a query, read page by page. */
export async function listed(engine: Engine, id: string, query = ''): Promise<readonly RejectItem[]> {
  const all: RejectItem[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { status, body } = await engine.call('GET', `/v1/migrations/${id}/rejects?limit=7${query}${after}`);
    if (status !== 200) throw new Error(JSON.stringify(body));
    const page = body as RejectPage;
    all.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

export async function summaryOf(engine: Engine, id: string): Promise<RejectSummary> {
  return (await engine.call('GET', `/v1/migrations/${id}/rejects/summary`)).body as RejectSummary;
}
