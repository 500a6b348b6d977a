import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTokenVerifier } from '../../src/auth/tokens.js';
import type { RedisConnection } from '../../src/redis/connection.js';
import type { Registration } from '../../src/registry/instances.js';
import { readFlags } from '../../src/traffic/flags.js';
import { testSecret } from './engine.js';
import { registerInstance } from './registry.js';

/** What the users of one side meet in a tenth of a second. */
export interface Moment {
  readonly users: number;
  readonly failedUsers: number;
}

const everyMillis = 100;
const users = 1000;

/**
 * A process that stands in the registry as a gateway and tells its series over HTTP, with the traffic of 1,000 users by the
 * weight that stands in Redis, for tests of whoever reads them.
 */
export class SeriesServer {
  /** What the cube does to its users at this moment. */
  cube: (users: number) => Moment = (users) => ({ users, failedUsers: 0 });
  answers = true;
  /** When the first failed answer of the cube was counted, by `performance.now()`. */
  firstFailure: number | undefined;
  private readonly totals = { cube: { users: 0, failed: 0 }, legacy: { users: 0, failed: 0 } };
  private readonly tokens = createTokenVerifier({ current: testSecret }, () => new Date());
  private readonly timer: NodeJS.Timeout;
  private registration: Registration | undefined;

  private constructor(
    private readonly redis: RedisConnection,
    private readonly server: Server,
  ) {
    this.timer = setInterval(() => void this.pass().catch(() => undefined), everyMillis);
    server.on('request', (request, response) => {
      if (!this.answers) return void response.writeHead(503).end();
      if (request.url === '/metrics') return void response.end(this.metrics());
      void this.mayRead(request.headers.authorization).then((may) => {
        if (!may) return void response.writeHead(401).end();
        const medians = Array.from({ length: 50 }, (_, place) => 10 + place / 10);
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ cube: medians, legacy: medians }));
      });
    });
  }

  static async start(redis: RedisConnection, instanceId: string): Promise<SeriesServer> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const gateway = new SeriesServer(redis, server);
    gateway.registration = registerInstance(redis, {
      cube_id: 'api-gateway-cube',
      instance_id: instanceId,
      url: gateway.url,
      version: '1',
      state: 'ready',
      started_at: Date.now(),
    });
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.registration?.close();
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  /** The series as a gateway of this project tells them. */
  metrics(): string {
    const lines = (['cube', 'legacy'] as const).flatMap((side) => {
      const { users, failed } = this.totals[side];
      const labels = `cube="saju",target="${side}"`;
      return [
        `gateway_window_users_total{${labels}} ${users}`,
        `gateway_window_failed_users_total{${labels}} ${failed}`,
        `gateway_window_requests_total{${labels}} ${users}`,
        `gateway_window_failed_requests_total{${labels}} ${failed}`,
        `gateway_upstream_requests_total{${labels},status="200"} ${users - failed}`,
        `gateway_upstream_requests_total{${labels},status="503"} ${failed}`,
        `gateway_upstream_duration_seconds_bucket{${labels},le="0.05"} ${users}`,
        `gateway_upstream_duration_seconds_bucket{${labels},le="+Inf"} ${users}`,
      ];
    });
    return ['# TYPE gateway_window_users_total counter', ...lines, ''].join('\n');
  }

  private async pass(): Promise<void> {
    const { enabled, percentage } = await readFlags(this.redis, 'saju');
    const onCube = enabled ? ((percentage ?? 0) * users) / 100 : 0;
    const cube = this.cube(onCube);
    this.totals.cube.users += cube.users;
    this.totals.cube.failed += cube.failedUsers;
    this.totals.legacy.users += users - onCube;
    if (cube.failedUsers > 0) this.firstFailure ??= performance.now();
  }

  private async mayRead(authorization: string | undefined): Promise<boolean> {
    try {
      const { permissions } = await this.tokens.verify((authorization ?? '').replace('Bearer ', ''));
      return permissions.includes('migration:read');
    } catch {
      return false;
    }
  }
}
