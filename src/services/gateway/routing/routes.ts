import { type CubeDefinition, cubeDefinitions, type TrafficName } from '../../../domain/cubes.js';
import { predictionLimits } from '../../../domain/models/prediction.js';
import type { Intent } from '../../../domain/traffic/routing.js';
import { limits } from '../../../http/limits.js';

/** The declaration of a route of a service. */
export interface RouteRule {
  readonly methods: readonly string[];
  /** Without the gateway's prefix; `:name` matches one segment. */
  readonly pattern: string;
  readonly intent: Intent | 'by save';
  /** Whether responses may be cached. */
  readonly cacheable: boolean;
  /** Whether a shadow request has no effect. */
  readonly shadowable: boolean;
  /** Whether responses are predictions of the model that the path names: their numbers are compared within its tolerance. */
  readonly predicts: boolean;
  /** Whether bodies are contents of files: without a limit of total time, and compared by their hash. */
  readonly carriesFiles: boolean;
  /** Bytes of the largest body. */
  readonly maxBodyBytes: number;
  /** Non-standard request headers that its service reads, in lower case: the gateway forwards no others. */
  readonly headers: ReadonlySet<string>;
}

/** A rule with its cube and prefix: the key for metrics, breakers and cache. */
export interface Route extends RouteRule {
  readonly cube: CubeDefinition;
  /** The label of the cube in metrics. */
  readonly label: string;
  /** The pattern with the prefix, as in metrics. */
  readonly endpoint: string;
  readonly matches: (path: string) => boolean;
}

/** Non-standard headers for every service; the gateway forwards request id and trace with its own values. */
const headersOfEveryRoute = ['x-request-id', 'traceparent', 'tracestate', 'x-cube-client'] as const;
/** Two creations with the same key are one. */
const creation = { headers: ['idempotency-key'] } as const;

/** `uploadBytes`: of the largest body that brings a file. */
const rulesWith = (uploadBytes: number): Readonly<Record<TrafficName, readonly RouteRule[]>> => ({
  saju: [
    rule(['POST'], '/calculate', 'by save', { shadowable: true, ...creation }),
    rule(['GET', 'HEAD'], '/records/:id', 'reads', { shadowable: true }),
    rule(['PATCH', 'DELETE'], '/records/:id', 'writes'),
    rule(['GET', 'HEAD'], '/users/:user_id/records', 'reads', { shadowable: true }),
  ],
  ai: [
    rule(['GET', 'HEAD'], '/models', 'reads', { cacheable: true, shadowable: true }),
    rule(['GET', 'HEAD'], '/models/:name', 'reads', { cacheable: true, shadowable: true }),
    rule(['POST'], '/models/:name/predict', 'reads', {
      shadowable: true,
      predicts: true,
      maxBodyBytes: predictionLimits.maxBodyBytes,
    }),
  ],
  paperwork: [
    rule(['POST'], '/files', 'writes', { carriesFiles: true, maxBodyBytes: uploadBytes, ...creation }),
    rule(['GET', 'HEAD'], '/files/:id', 'reads', { shadowable: true }),
    rule(['GET', 'HEAD'], '/files/:id/content', 'reads', { carriesFiles: true, shadowable: true }),
    rule(['DELETE'], '/files/:id', 'writes'),
    rule(['POST'], '/files/:id/process', 'writes'),
    // Each side says how far it is itself, and of what the cube processes legacy knows nothing.
    rule(['GET', 'HEAD'], '/files/:id/process/:kind', 'reads'),
    rule(['GET', 'HEAD'], '/files/:id/results', 'reads', { shadowable: true }),
  ],
  crawler: [
    rule(['GET', 'HEAD'], '/jobs', 'reads', { shadowable: true }),
    rule(['POST'], '/jobs', 'writes', creation),
    rule(['GET', 'HEAD'], '/jobs/:id', 'reads', { shadowable: true }),
    rule(['POST'], '/jobs/:id/start', 'writes'),
    rule(['POST'], '/jobs/:id/pause', 'writes'),
    rule(['GET', 'HEAD'], '/jobs/:id/results', 'reads', { shadowable: true }),
  ],
});

interface CubeRoutes {
  readonly cube: CubeDefinition;
  readonly prefix: string;
  readonly routes: readonly Route[];
  /** Undeclared paths: they count as writing. */
  readonly rest: Route;
}

export interface RouteMatch {
  readonly route: Route;
  /** The path for the upstream. */
  readonly path: string;
}

export class RouteTable {
  private readonly cubes: readonly CubeRoutes[];
  readonly all: readonly Route[];
  /** The headers that any of them declares. */
  readonly declaredHeaders: ReadonlySet<string>;

  constructor({ uploadBytes }: { readonly uploadBytes: number }) {
    const rules = rulesWith(uploadBytes);
    this.cubes = cubeDefinitions
      .flatMap((cube: CubeDefinition) => (cube.prefix === null ? [] : [routesOf(cube, cube.prefix, rules)]))
      // The longest prefix first: the shortest is the root.
      .sort((a, b) => b.prefix.length - a.prefix.length);
    this.all = this.cubes.flatMap(({ routes, rest }) => [...routes, rest]);
    this.declaredHeaders = new Set(this.all.flatMap(({ headers }) => [...headers]));
  }

  /** The route of a canonical path; null where no cube has a prefix of it. */
  find(method: string, path: string): RouteMatch | null {
    for (const { prefix, routes, rest } of this.cubes) {
      if (!path.startsWith(prefix)) continue;
      const inner = path.slice(prefix.length - 1);
      for (const route of routes) {
        if (route.methods.includes(method) && route.matches(inner)) return { route, path: inner };
      }
      return { route: rest, path: inner };
    }
    return null;
  }
}

function routesOf(cube: CubeDefinition, prefix: string, rules: ReturnType<typeof rulesWith>): CubeRoutes {
  const inPlace = (one: RouteRule): Route => ({
    ...one,
    cube,
    label: cube.trafficName ?? cube.cubeId.replace(/-cube$/, ''),
    endpoint: `${prefix}${one.pattern.slice(1)}`,
    matches: matcherOf(one.pattern),
  });
  return {
    cube,
    prefix,
    routes: cube.trafficName === null ? [] : rules[cube.trafficName].map(inPlace),
    rest: inPlace(rule([], '/*', 'writes')),
  };
}

function matcherOf(pattern: string): (path: string) => boolean {
  if (!pattern.includes(':')) return (path) => path === pattern;
  const expression = new RegExp(`^${pattern.replace(/:\w+/g, '[^/]+')}$`);
  return (path) => expression.test(path);
}

function rule(
  methods: readonly string[],
  pattern: string,
  intent: RouteRule['intent'],
  more: {
    readonly cacheable?: boolean;
    readonly shadowable?: boolean;
    readonly predicts?: boolean;
    readonly carriesFiles?: boolean;
    readonly maxBodyBytes?: number;
    readonly headers?: readonly string[];
  } = {},
): RouteRule {
  const { cacheable = false, shadowable = false, predicts = false, carriesFiles = false, headers = [] } = more;
  const { maxBodyBytes = limits.bodyBytes } = more;
  return {
    methods,
    pattern,
    intent,
    cacheable,
    shadowable,
    predicts,
    carriesFiles,
    maxBodyBytes,
    headers: new Set([...headersOfEveryRoute, ...headers]),
  };
}
