import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CubeIdentity } from '../../auth/tokens.js';
import { trafficNames } from '../../domain/cubes.js';
import type { Permission } from '../../http/authorization.js';
import type { FlagWatcher } from '../../traffic/flag-watcher.js';
import type { Shadow } from '../../traffic/shadow.js';
import type { OwnCall } from './admission/admission.js';
import type { SidesOfCube } from './context.js';
import { type GatewayRefusal, permissionNeeded, refusals } from './exchange/refusals.js';
import { sendRefusal } from './exchange/send-refusal.js';
import { family, type GatewayMetrics } from './observation/metrics.js';
import type { RefusedUsers } from './observation/refused-users.js';
import { type GatewayShadowRequest, renderShadow } from './observation/shadowing.js';
import type { UserWindows } from './observation/user-windows.js';

export interface OwnEndpointsOptions {
  readonly version: string;
  readonly instanceId: string;
  readonly flags: Pick<FlagWatcher, 'flagsOf' | 'killed' | 'state'>;
  readonly registryStaleForMillis: () => number;
  readonly metrics: GatewayMetrics;
  readonly windows: UserWindows;
  readonly refused: RefusedUsers;
  readonly shadow: Shadow<GatewayShadowRequest> | null;
  readonly sides: ReadonlyMap<string, SidesOfCube>;
  /** The sides for shadow comparison. */
  readonly shadowSides: ReadonlyMap<string, SidesOfCube>;
  /** The number of open WebSockets. */
  readonly tunnels: () => number;
  /** Whether the gateway accepts new requests. */
  readonly ready: () => boolean;
}

/** Time without a successful poll after which the gateway reports Redis as unreachable: a few polls. */
const staleMillis = 2000;

const endpoints = new Set(['/health', '/ready', '/metrics', '/_gateway/latencies', '/_gateway/shadow']);

/** The pattern of the gateway's own endpoint at a canonical path; null for a path of a cube. */
export function ownEndpoint(path: string): string | null {
  if (path === '/health' || path === '/ready' || path === '/metrics') return path;
  return path.startsWith('/_gateway/') ? '/_gateway/*' : null;
}

/** The gateway's own endpoints, for admitted requests. */
export class OwnEndpoints {
  constructor(private readonly options: OwnEndpointsOptions) {}

  /** Sends the response and returns its status. */
  answer(req: IncomingMessage, res: ServerResponse, { path, query, cube }: OwnCall): number {
    if (req.method !== 'GET' && req.method !== 'HEAD' && endpoints.has(path)) return refuse(res, refusals.reading);
    switch (path) {
      case '/health':
        return sendJson(res, 200, this.health());
      case '/ready': {
        const ready = this.options.ready();
        return sendJson(res, ready ? 200 : 503, { ready });
      }
      case '/metrics':
        return this.sendMetrics(res);
      case '/_gateway/latencies':
        return refuseWithout(cube, res, 'migration:read') ?? this.sendLatencies(res, new URLSearchParams(query));
      case '/_gateway/shadow':
        return (
          refuseWithout(cube, res, 'records:read') ??
          sendJson(res, 200, { items: this.options.shadow?.counts.examples() ?? [] })
        );
      default:
        return refuseWithout(cube, res, 'migration:read') ?? refuse(res, refusals.notFound);
    }
  }

  private health() {
    const { flags, version, instanceId, registryStaleForMillis, sides } = this.options;
    const { source, staleForMillis, alarms } = flags.state();
    const redis = staleForMillis < staleMillis && registryStaleForMillis() < staleMillis;
    return {
      status: redis && alarms.length === 0 ? 'ok' : 'degraded',
      version,
      instance_id: instanceId,
      dependencies: { redis: redis ? 'ok' : 'unreachable' },
      flags: { source, stale_seconds: Math.round(staleForMillis / 1000), alarms },
      broken_off: [...sides.values()].flatMap(({ cube }) => cube.openRoutes()),
    };
  }

  private sendMetrics(res: ServerResponse): number {
    const { flags, metrics, windows, refused, shadow, registryStaleForMillis, sides, shadowSides } = this.options;
    const { source, staleForMillis, alarms } = flags.state();
    const perName = (value: (name: (typeof trafficNames)[number]) => number | boolean, metric: string) =>
      trafficNames.map((name) => `${metric}{cube="${name}"} ${Number(value(name))}`);
    const perSide = (metric: string, value: (upstream: SidesOfCube['cube']) => string) =>
      [...sides].flatMap(([label, { cube, legacy }]) => [
        ...[`${metric}{cube="${label}",target="cube"`].map((start) => `${start}${value(cube)}`),
        ...(legacy === null ? [] : [`${metric}{cube="${label}",target="legacy"${value(legacy)}`]),
      ]);
    const text = [
      metrics.render() +
        windows.render() +
        refused.render() +
        (shadow === null ? '' : renderShadow(shadow)) +
        family('gateway_traffic_weight', 'gauge', 'Percentage of users on the cube'),
      ...perName((name) => flags.flagsOf(name).percentage, 'gateway_traffic_weight'),
      family('gateway_traffic_enabled', 'gauge', '0 while the flags close the cube'),
      ...perName((name) => flags.flagsOf(name).enabled, 'gateway_traffic_enabled'),
      family('gateway_kill_switch', 'gauge', '1 while the kill switch sends all users to legacy'),
      ...perName((name) => flags.killed(name), 'gateway_kill_switch'),
      family('gateway_flags_stale_seconds', 'gauge', 'Seconds since Redis last delivered the flags'),
      `gateway_flags_stale_seconds ${staleForMillis / 1000}`,
      family('gateway_flags_source', 'gauge', 'Where the flags in use came from'),
      ...['redis', 'disk', 'default'].map((one) => `gateway_flags_source{source="${one}"} ${Number(one === source)}`),
      family('gateway_flags_alarms', 'gauge', 'Current problems with the flags'),
      `gateway_flags_alarms ${alarms.length}`,
      family('gateway_registry_stale_seconds', 'gauge', 'Seconds since the registry last delivered the instances'),
      `gateway_registry_stale_seconds ${registryStaleForMillis() / 1000}`,
      family('gateway_upstream_outstanding', 'gauge', 'Calls in flight'),
      ...perSide('gateway_upstream_outstanding', ({ outstanding }) => `} ${outstanding}`),
      family('gateway_upstream_failed_attempts_total', 'counter', 'Attempts that failed, locally or at the upstream'),
      ...perSide('gateway_upstream_failed_attempts_total', ({ localFailures }) => `,kind="local"} ${localFailures}`),
      ...perSide('gateway_upstream_failed_attempts_total', (one) => `,kind="upstream"} ${one.upstreamFailures}`),
      family('gateway_anothers_answers_total', 'counter', 'Answers of a cube that belonged to another call'),
      ...[...sides].map(
        ([label, { cube }]) =>
          `gateway_anothers_answers_total{cube="${label}"} ${cube.crossUserResponses + (shadowSides.get(label)?.cube.crossUserResponses ?? 0)}`,
      ),
      family('gateway_tunnels', 'gauge', 'WebSockets that are open or being opened'),
      `gateway_tunnels ${this.options.tunnels()}`,
      family('gateway_breakers_open', 'gauge', 'Routes whose circuit breaker is open'),
      ...perSide('gateway_breakers_open', (upstream) => `} ${upstream.openRoutes().length}`),
      '',
    ].join('\n');
    return send(res, 200, 'text/plain; version=0.0.4; charset=utf-8', text);
  }

  private sendLatencies(res: ServerResponse, query: URLSearchParams): number {
    const seconds = query.get('seconds') ?? '600';
    if (!/^\d{1,4}$/.test(seconds)) return refuse(res, refusals.seconds);
    const found = this.options.windows.latencies(query.get('cube') ?? '', Number(seconds));
    return found === null ? refuse(res, refusals.cubeUnknown) : sendJson(res, 200, found);
  }
}

/** Refuses a caller without the permission and returns the status; null for a caller who holds it. */
function refuseWithout(cube: CubeIdentity | null, res: ServerResponse, needed: Permission): number | null {
  if (cube === null) return refuse(res, refusals.tokenNeeded);
  return cube.permissions.includes(needed) ? null : refuse(res, permissionNeeded(needed));
}

function refuse(res: ServerResponse, refused: GatewayRefusal): number {
  sendRefusal(res, refused);
  return refused.status;
}

function sendJson(res: ServerResponse, status: number, value: unknown): number {
  return send(res, status, 'application/json', JSON.stringify(value));
}

function send(res: ServerResponse, status: number, type: string, text: string): number {
  res.writeHead(status, ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(text))]);
  res.end(text);
  return status;
}
