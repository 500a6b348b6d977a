import { type CubeDefinition, cubeDefinitions, type TrafficName } from '../../../domain/cubes.js';
import type { Intent } from '../../../domain/traffic/routing.js';

/** What is declared of a route of a service. */
export interface RouteRule {
  readonly methods: readonly string[];
  /** Without the gateway's prefix; `:name` stands for one segment. */
  readonly pattern: string;
  readonly intent: Intent | 'by save';
  /** Whether answers may be kept for others who ask the same. */
  readonly cacheable: boolean;
  /** Whether asking the other side too changes nothing there. */
  readonly shadowable: boolean;
  /** Whether bodies are files: of any size, and for as long as they take. */
  readonly carriesFiles: boolean;
  /** Request headers that its service reads beside the standard ones, in lower case: no other goes on to it. */
  readonly headers: ReadonlySet<string>;
}

/** A rule in its place: what a request is counted, broken off and cached under. */
export interface Route extends RouteRule {
  readonly cube: CubeDefinition;
  /** The label of the cube in metrics. */
  readonly label: string;
  /** As metrics name it: the whole pattern with the prefix. */
  readonly endpoint: string;
  readonly matches: (path: string) => boolean;
}

/** What clients may say to every service; the request's id and trace go on as the gateway names them. */
const headersOfEveryRoute = ['x-request-id', 'traceparent', 'tracestate', 'x-cube-client'] as const;
/** A creation that is sent again under the same key is to be the same one. */
const creation = { headers: ['idempotency-key'] } as const;

const rules: Readonly<Record<TrafficName, readonly RouteRule[]>> = {
  saju: [
    rule(['POST'], '/calculate', 'by save', { shadowable: true, ...creation }),
    rule(['GET', 'HEAD'], '/records/:id', 'reads', { shadowable: true }),
    rule(['PATCH', 'DELETE'], '/records/:id', 'writes'),
    rule(['GET', 'HEAD'], '/users/:user_id/records', 'reads', { shadowable: true }),
  ],
  ai: [
    rule(['GET', 'HEAD'], '/models', 'reads', { cacheable: true, shadowable: true }),
    rule(['GET', 'HEAD'], '/models/:name', 'reads', { cacheable: true, shadowable: true }),
    rule(['POST'], '/models/:name/predict', 'reads', { shadowable: true }),
  ],
  paperwork: [
    rule(['POST'], '/files', 'writes', { carriesFiles: true, ...creation }),
    rule(['GET', 'HEAD'], '/files/:id', 'reads', { shadowable: true }),
    rule(['GET', 'HEAD'], '/files/:id/content', 'reads', { carriesFiles: true }),
    rule(['DELETE'], '/files/:id', 'writes'),
    rule(['POST'], '/files/:id/process', 'writes'),
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
};

interface CubeRoutes {
  readonly cube: CubeDefinition;
  readonly prefix: string;
  readonly routes: readonly Route[];
  /** What nobody declared: it counts as writing. */
  readonly rest: Route;
}

export interface RouteMatch {
  readonly route: Route;
  /** The path that the upstream sees. */
  readonly path: string;
}

export class RouteTable {
  private readonly cubes: readonly CubeRoutes[];
  readonly all: readonly Route[];
  /** The headers that any of them declares. */
  readonly declaredHeaders: ReadonlySet<string>;

  constructor() {
    this.cubes = cubeDefinitions
      .flatMap((cube: CubeDefinition) => (cube.prefix === null ? [] : [routesOf(cube, cube.prefix)]))
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

function routesOf(cube: CubeDefinition, prefix: string): CubeRoutes {
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
    readonly carriesFiles?: boolean;
    readonly headers?: readonly string[];
  } = {},
): RouteRule {
  const { cacheable = false, shadowable = false, carriesFiles = false, headers = [] } = more;
  return {
    methods,
    pattern,
    intent,
    cacheable,
    shadowable,
    carriesFiles,
    headers: new Set([...headersOfEveryRoute, ...headers]),
  };
}
