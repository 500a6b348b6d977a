import type { Side } from '../../../domain/side.js';
import type { UserBytes } from '../../../domain/traffic/routing.js';
import type { Route } from '../routing/routes.js';
import { family } from './metrics.js';
import { UserWindows, type UserWindowsOptions } from './user-windows.js';

const sides = ['cube', 'legacy'] as const satisfies readonly Side[];

/** Statuses of the gateway itself: they say nothing about a side. */
const ownStatuses: ReadonlySet<number> = new Set([401, 408, 413, 414, 429, 431, 499]);

/** Whether a side refused a request: 400, 403, 404, 405, 409, 410, 422 and similar. */
export function is4xx(status: number): boolean {
  return status >= 400 && status < 500 && !ownStatuses.has(status);
}

/**
 * Counts refused users by route and side. Both sides refuse invalid and forbidden requests alike; a side that refuses what the
 * other accepts shows more refused users. Counted as failures are: by user, each once an hour.
 */
export class RefusedUsers {
  private readonly routes: readonly { readonly key: string; readonly label: string }[];
  private readonly windows: UserWindows;

  constructor(routes: readonly Route[], options: Omit<UserWindowsOptions, 'labels' | 'keepsLatencies'>) {
    this.routes = routes.flatMap((route) =>
      route.cube.trafficName === null ? [] : [{ key: keyOf(route), label: route.label }],
    );
    const labelOf = new Map(this.routes.map(({ key, label }) => [key, label]));
    this.windows = new UserWindows({
      ...options,
      labels: this.routes.map(({ key }) => key),
      keepsLatencies: false,
      weightOf: (key) => options.weightOf(labelOf.get(key) ?? key),
      failures: {
        record: (key, side, users) => options.failures.record(`refused:${key}`, side, users),
        clear: (key) => options.failures.clear(`refused:${key}`),
      },
    });
  }

  /** Counts one response of a side to a user. */
  count(route: Route, side: Side, user: UserBytes, status: number): void {
    this.windows.count(keyOf(route), side, user, is4xx(status), 0);
  }

  render(): string {
    const series = [
      ['gateway_route_users_total', 'Users with an answer, by route, in closed windows', 'users'],
      [
        'gateway_route_refused_users_total',
        'Users whom a side refused (4xx), by route, each once an hour, in closed windows',
        'failedUsers',
      ],
    ] as const;
    return series
      .map(([name, help, total]) => {
        const lines = this.routes.flatMap(({ key, label }) =>
          sides.map((side) => {
            const value = this.windows.totalsOf(key, side)[total];
            return `${name}{cube="${label}",route="${key}",target="${side}"} ${value}`;
          }),
        );
        return `${[family(name, 'counter', help), ...lines].join('\n')}\n`;
      })
      .join('');
  }

  close(): void {
    this.windows.close();
  }
}

/** Several routes may share a pattern: reading a record and deleting it. */
function keyOf({ methods, endpoint }: Route): string {
  return `${methods[0] ?? 'ANY'} ${endpoint}`;
}
