import { type CubeEntry, type CubeId, type CubeType, catalog, cubes, type MigrationKind } from './catalog.js';
import type { SmokeCall } from './smoke-call.js';

/** The cubes of the catalogue, as the gateway routes them, the control API lists them and the stack starts them. */

export interface CubeDefinition {
  readonly cubeId: CubeId;
  readonly type: CubeType;
  readonly port: number;
  /** Null for what users do not reach. */
  readonly prefix: string | null;
  /** Null where legacy has no twin of it. */
  readonly trafficName: TrafficName | null;
}

/** The name of a cube that has a legacy twin, as its traffic flags carry it. */
export type TrafficName = Extract<(typeof cubes)[CubeId], { trafficName: string }>['trafficName'];

type Entry = (typeof cubes)[CubeId];
/** Cubes that have both a program of this package and a legacy twin. */
type ServedEntry = Extract<Entry, { variables: string; trafficName: string }>;

/**
 * The environment variables that follow from the lines of the catalogue: where cubes and their twins are, and as whom a cube reads
 * legacy. The table of variables has them all, or does not compile.
 */
export type CubeVariable =
  | `${Extract<Entry, { variables: string }>['variables']}_${'PORT' | 'URL'}`
  | `LEGACY_${Uppercase<TrafficName>}_URL`
  | `LEGACY_${Uppercase<ServedEntry['trafficName']>}_PORT`
  | `${ServedEntry['variables']}_LEGACY_URL`;

/** A cube whose versions come and go, with a program of this package and a legacy twin. */
export interface ServedCube {
  readonly cubeId: CubeId;
  readonly service: ServedEntry['service'];
  readonly trafficName: ServedEntry['trafficName'];
}

export function legacyUrlVariable<Name extends TrafficName>(name: Name): `LEGACY_${Uppercase<Name>}_URL` {
  return `LEGACY_${name.toUpperCase() as Uppercase<Name>}_URL`;
}

export const cubeIds = Object.keys(cubes) as readonly CubeId[];

export const cubeDefinitions: readonly CubeDefinition[] = cubeIds.map(cubeDefinition);

export const trafficNames: readonly TrafficName[] = cubeDefinitions.flatMap(({ trafficName }) => trafficName ?? []);

export const servedCubes: readonly ServedCube[] = cubeIds.flatMap((cubeId) => {
  const { service, trafficName } = cubeEntry(cubeId);
  return service === undefined || trafficName === undefined ? [] : [{ cubeId, service, trafficName } as ServedCube];
});

export function cubeEntry(cubeId: CubeId): CubeEntry {
  return cubes[cubeId];
}

export function cubeDefinition(cubeId: CubeId): CubeDefinition {
  const { type, port, prefix = null, trafficName = null } = cubeEntry(cubeId);
  return { cubeId, type, port, prefix, trafficName: trafficName as TrafficName | null };
}

export function findCube(cubeId: string): CubeDefinition | undefined {
  return cubeDefinitions.find((definition) => definition.cubeId === cubeId);
}

export function isTrafficName(name: string): name is TrafficName {
  return trafficNames.some((known) => known === name);
}

/** Whose weight decides where the users of a kind are served. */
export function trafficNameOfKind(kind: MigrationKind): TrafficName {
  return cubes[catalog[kind].cube].trafficName;
}

const health: SmokeCall = { method: 'GET', path: '/health', body: null, permission: null, expected: {} };

/** The calls that show that a new version of a cube works, in order; the first is always its health. */
export function smokeCallsOf(cubeId: string): readonly SmokeCall[] {
  const known = findCube(cubeId);
  return [health, ...((known && cubeEntry(known.cubeId).smokeCalls) ?? [])];
}
