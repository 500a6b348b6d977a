import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { UserBytes } from '../../../../../src/domain/traffic/routing.js';
import { gatewayLimits } from '../../../../../src/services/gateway/context.js';
import { is4xx, RefusedUsers } from '../../../../../src/services/gateway/observation/refused-users.js';
import { RouteTable } from '../../../../../src/services/gateway/routing/routes.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('every 4xx is a refusal of the side, except the statuses of the gateway itself', () => {
  const refusals = Array.from({ length: 600 }, (_, status) => status).filter(is4xx);
  for (const status of [400, 403, 404, 405, 409, 410, 415, 422]) expect(refusals).toContain(status);
  for (const status of [200, 304, 401, 408, 413, 414, 429, 431, 499, 500, 503]) expect(refusals).not.toContain(status);
});

test('refused users are counted by route and side, each once an hour', async () => {
  const table = new RouteTable(gatewayLimits);
  const refused = new RefusedUsers(table.all, {
    windowMillis: 10_000,
    weightOf: () => 5,
    failures: { record: async (_label, _side, users) => users.length, clear: async () => undefined },
    now: () => Date.now(),
  });
  const route = (method: string, path: string) => {
    const found = table.find(method, path)?.route;
    if (found === undefined) throw new Error('no route');
    return found;
  };
  for (let window = 0; window < 3; window++) {
    refused.count(route('POST', '/api/saju/calculate'), 'cube', 'one' as UserBytes, 422);
    refused.count(route('POST', '/api/saju/calculate'), 'cube', 'other' as UserBytes, 201);
    refused.count(route('DELETE', '/api/saju/records/1'), 'legacy', 'one' as UserBytes, 404);
    await vi.advanceTimersByTimeAsync(10_000);
  }
  const told = refused.render();
  const of = (series: string, key: string, target: string) =>
    told.includes(`${series}{cube="saju",route="${key}",target="${target}"} `) &&
    Number(told.split(`${series}{cube="saju",route="${key}",target="${target}"} `)[1]?.split('\n')[0]);
  expect(of('gateway_route_users_total', 'POST /api/saju/calculate', 'cube')).toBe(6);
  expect(of('gateway_route_refused_users_total', 'POST /api/saju/calculate', 'cube')).toBe(1);
  expect(of('gateway_route_refused_users_total', 'PATCH /api/saju/records/:id', 'legacy')).toBe(1);
  expect(of('gateway_route_refused_users_total', 'GET /api/saju/records/:id', 'legacy')).toBe(0);
  refused.close();
});
