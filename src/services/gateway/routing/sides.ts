import type { CubeId } from '../../../domain/catalog.js';
import type { CubeDefinition, TrafficName } from '../../../domain/cubes.js';
import { connectEndpoint } from '../../../upstream/connections.js';
import type { InstanceSource } from '../../../upstream/instance-source.js';
import { Upstream } from '../../../upstream/upstream.js';
import type { GatewayLimits, SidesOfCube } from '../context.js';
import type { Route } from './routes.js';

export interface SidesOptions {
  readonly limits: GatewayLimits;
  readonly instances: Pick<InstanceSource<CubeId>, 'ready' | 'versionOf'>;
  /** The monolith's URL by cube; a cube without one has no legacy side. */
  readonly legacyUrls: ReadonlyMap<TrafficName, string>;
  readonly now: () => number;
  readonly random: () => number;
}

const connectionsPerEndpoint = 256;
const maxOutstanding = 4096;

/** The two sides of every cube of `routes`, by label, with separate connections. */
export class Sides {
  readonly all: ReadonlyMap<string, SidesOfCube>;

  /** `usesBreakers`: whether circuit breakers guard the routes of cubes. */
  constructor(
    routes: readonly Route[],
    private readonly options: SidesOptions,
    usesBreakers: boolean,
  ) {
    const cubes = new Map(routes.map(({ label, cube }) => [label, cube]));
    this.all = new Map([...cubes].map(([label, cube]) => [label, this.connect(cube, usesBreakers)]));
  }

  of(label: string): SidesOfCube {
    const sides = this.all.get(label);
    if (sides === undefined) throw new Error(`no sides for ${label}`);
    return sides;
  }

  async destroy(): Promise<void> {
    await Promise.all(
      [...this.all.values()].flatMap(({ cube, legacy }) => [
        cube.destroy(),
        ...(legacy === null ? [] : [legacy.destroy()]),
      ]),
    );
  }

  private connect({ cubeId, trafficName }: CubeDefinition, usesBreakers: boolean): SidesOfCube {
    const { limits, instances, legacyUrls, now, random } = this.options;
    const connect = (url: string) =>
      connectEndpoint(url, { connectMillis: limits.connectMillis, perEndpoint: connectionsPerEndpoint });
    const shared = { connect, maxOutstanding, now, random };
    const url = trafficName === null ? undefined : legacyUrls.get(trafficName);
    const legacy = url === undefined ? [] : [{ id: 'legacy', url }];
    return {
      cube: new Upstream({
        ...shared,
        usesBreakers,
        sendsCallIds: true,
        endpoints: () => instances.ready(cubeId as CubeId),
      }),
      cubeVersion: () => instances.versionOf(cubeId as CubeId),
      legacy:
        url === undefined
          ? null
          : new Upstream({ ...shared, usesBreakers: false, sendsCallIds: false, endpoints: () => legacy }),
    };
  }
}
