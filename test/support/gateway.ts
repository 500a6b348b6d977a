import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import pino from 'pino';
import { createHopTokens } from '../../src/auth/hop-tokens.js';
import { createTokenVerifier, type TokenVerifier } from '../../src/auth/tokens.js';
import { createUserTokenVerifier, type UserTokenVerifier } from '../../src/auth/user-tokens.js';
import type { CubeId } from '../../src/domain/catalog.js';
import type { TrafficName } from '../../src/domain/cubes.js';
import type { Flags, Intent, Ownership, UserBytes } from '../../src/domain/traffic/routing.js';
import { initialFlags, ownedByLegacy } from '../../src/domain/traffic/routing.js';
import type { RateLimits } from '../../src/services/gateway/admission/admission.js';
import { type GatewayLimits, gatewayLimits } from '../../src/services/gateway/context.js';
import { InFlightCounter } from '../../src/services/gateway/observation/in-flight-counter.js';
import type { SharedFailures } from '../../src/services/gateway/observation/user-windows.js';
import { createGateway, type Gateway } from '../../src/services/gateway/server.js';
import type { Endpoint } from '../../src/upstream/load-balancer.js';

export const cubeSecret = 'a secret of cubes, thirty-two bytes at least';
export const userSecret = 'a secret of users, thirty-two bytes at least';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** A service behind the gateway that keeps what it saw, and answers as it is told. */
export class TestUpstream {
  readonly seen: Seen[] = [];
  readonly sockets = new Set<Socket>();

  private constructor(
    readonly server: Server,
    readonly name: string,
  ) {}

  /** Without `answer` it answers 200 and says its name. */
  static async start(
    name: string,
    answer?: (req: IncomingMessage, res: ServerResponse, body: string) => void,
  ): Promise<TestUpstream> {
    const listener: RequestListener = (req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        const body = Buffer.concat(chunks).toString('latin1');
        const { method = '', url = '', headers, rawHeaders } = req;
        upstream.seen.push({ method, url, headers, rawHeaders, body });
        if (answer === undefined) sendJson(res, { name, url });
        else answer(req, res, body);
      });
    };
    const upstream = await TestUpstream.listen(name, listener);
    return upstream;
  }

  /** One that does with a request what it likes, from its first byte on. */
  static async listen(name: string, listener: RequestListener): Promise<TestUpstream> {
    const upstream = new TestUpstream(createServer(listener), name);
    upstream.server.on('connection', (socket) => {
      upstream.sockets.add(socket);
      socket.once('close', () => upstream.sockets.delete(socket));
    });
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get endpoint(): Endpoint {
    return { id: this.name, url: this.url };
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
  }
}

export function sendJson(res: ServerResponse, value: unknown, status = 200): void {
  const text = JSON.stringify(value);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}

/** What a test may turn while its gateway runs. */
export class GatewayControls {
  flags: Flags = initialFlags;
  ownership: Ownership = ownedByLegacy;
  killed = false;
  held: 'writes' | 'all' | null = null;
  cubes = new Map<CubeId, readonly Endpoint[]>();
  version = '1';
  readonly underWay = new InFlightCounter();
  private readonly waiting: (() => void)[] = [];

  weight(percentage: number, lists: { allow?: readonly string[]; deny?: readonly string[] } = {}): void {
    const asBytes = (users: readonly string[] = []) => new Set(users.map((user) => user as UserBytes));
    this.flags = { enabled: true, percentage, allow: asBytes(lists.allow), deny: asBytes(lists.deny) };
  }

  holds(_name: TrafficName, intent: Intent): boolean {
    return this.held === 'all' || (this.held === 'writes' && intent === 'writes');
  }

  lifted(): Promise<void> {
    return this.held === null ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  lift(): void {
    this.held = null;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  readonly gateway: Gateway;
  readonly controls: GatewayControls;
  /** What it checks tokens with: a test may change their secrets. */
  readonly userTokens: UserTokenVerifier;
  readonly cubeTokens: TokenVerifier;
  stop(): Promise<void>;
}

/** A gateway on a port of its own, with flags, holds and instances under the test's hand. */
export async function startGateway(options: {
  readonly legacy?: Partial<Record<TrafficName, string>>;
  readonly cubes?: readonly (readonly [CubeId, readonly Endpoint[]])[];
  readonly limits?: Partial<GatewayLimits>;
  readonly trustedEdges?: readonly string[];
  /** Without them everybody may ask any number of times. */
  readonly rateLimits?: Partial<RateLimits>;
  /** Whom several gateways know to have failed; each goes by what it saw itself without it. */
  readonly failures?: SharedFailures;
  /** Where its log lines go; nowhere without it. */
  readonly onLog?: (line: Readonly<Record<string, unknown>>) => void;
  /** Whether the sides are compared. */
  readonly shadow?: boolean;
}): Promise<TestGateway> {
  const { onLog } = options;
  const controls = new GatewayControls();
  controls.cubes = new Map(options.cubes ?? []);
  const clock = () => new Date();
  const nobody: readonly Endpoint[] = [];
  const userTokens = createUserTokenVerifier({ current: userSecret }, clock);
  const cubeTokens = createTokenVerifier({ current: cubeSecret }, clock);
  const gateway = createGateway({
    instanceId: 'gateway-under-test',
    version: '0.0.0',
    limits: { ...gatewayLimits, drainMillis: 500, ...options.limits },
    flags: {
      flagsOf: () => controls.flags,
      killed: () => controls.killed,
      state: () => ({ source: 'redis', staleForMillis: 0, alarms: [] }),
    },
    holds: controls,
    inFlight: controls.underWay,
    instances: {
      ready: (cubeId) => controls.cubes.get(cubeId) ?? nobody,
      versionOf: () => controls.version,
      staleForMillis: () => 0,
    },
    legacyUrls: new Map(Object.entries(options.legacy ?? {}) as [TrafficName, string][]),
    ownershipOf: () => controls.ownership,
    trustedEdges: options.trustedEdges ?? ['127.0.0.0/8', '::1/128'],
    rateLimits: { address: null, subject: null, ...options.rateLimits },
    failures: options.failures ?? {
      record: async (_label, _side, users) => users.length,
      clear: async () => undefined,
    },
    userTokens,
    cubeTokens,
    hopToken: createHopTokens('api-gateway-cube', () => cubeSecret, clock),
    ...(options.shadow === true ? { shadow: { rules: [] } } : {}),
    log:
      onLog === undefined
        ? pino({ level: 'silent' })
        : pino({ level: 'info' }, { write: (line: string) => onLog(JSON.parse(line)) }),
  });
  gateway.server.listen(0, '127.0.0.1');
  await once(gateway.server, 'listening');
  const { port } = gateway.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { url, port, gateway, controls, userTokens, cubeTokens, stop: () => gateway.close() };
}

/** A token of either kind that is good for some seconds, as any library makes it. */
export function tokenOf(
  kind: 'user' | 'cube',
  seconds = 600,
  secret = kind === 'user' ? userSecret : cubeSecret,
): string {
  const iat = Math.floor(Date.now() / 1000);
  const claims =
    kind === 'user'
      ? { iss: 'heal7-users', sub: 'alice' }
      : { iss: 'heal7-security-cube', cube_id: 'reports', permissions: ['saju:call'] };
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ ...claims, iat, exp: iat + seconds })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

export async function metricsOf(gateway: TestGateway): Promise<string> {
  return (await fetch(`${gateway.url}/metrics`)).text();
}

/** What a client sends to open a WebSocket. */
export const webSocketHello = [
  'GET /api/saju/socket HTTP/1.1',
  'Host: a',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '',
  '',
].join('\r\n');

/** Sends bytes as they are and gives back all that comes until the other end closes, or until `enough` says so. */
export async function sendRaw(
  port: number,
  text: string | Buffer,
  enough: (answer: string) => boolean = isWhole,
  millis = 10_000,
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  try {
    await once(socket, 'connect');
    socket.write(text);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no whole answer within ${millis} ms: ${answer}`)), millis);
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString('latin1');
        if (enough(answer)) resolve();
      });
      socket.on('close', () => resolve());
      socket.on('error', () => resolve());
      socket.once('close', () => clearTimeout(timer));
    });
  } finally {
    socket.destroy();
  }
  return answer;
}

/** Whether an answer with a known length is there to its end. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /content-length: (\d+)/i.exec(answer.slice(0, end))?.[1];
  return length !== undefined && answer.length >= end + 4 + Number(length);
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}
