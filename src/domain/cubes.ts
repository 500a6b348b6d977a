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

type CatalogCube = (typeof cubes)[CubeId];
type ServedShape = { service: string; variables: string; trafficName: string; legacyPort: number };
/** Cubes that have both a program of this package and a legacy twin, of which the stack has a stand-in. */
export type ServedCubeId = { [Id in CubeId]: (typeof cubes)[Id] extends ServedShape ? Id : never }[CubeId];
type ServedEntry = (typeof cubes)[ServedCubeId];
export type ServedName = ServedEntry['trafficName'];

/**
 * The environment variables that follow from the lines of the catalogue: where cubes and their twins are, and as whom a cube reads
 * legacy. The table of variables has them all, or does not compile.
 */
export type CubeVariable =
  | `${Extract<CatalogCube, { variables: string }>['variables']}_${'PORT' | 'URL'}`
  | `LEGACY_${Uppercase<TrafficName>}_URL`
  | ServedCube['legacyPortVariable' | 'legacyDatabaseVariable'];

/** A cube whose versions come and go, and all that is called by its name. */
export interface ServedCube {
  readonly cubeId: ServedCubeId;
  readonly service: ServedEntry['service'];
  readonly trafficName: ServedName;
  /** The port that its first instance prefers, and the variables that name another and say where it is reached. */
  readonly port: number;
  readonly portVariable: `${ServedEntry['variables']}_PORT`;
  readonly urlVariable: `${ServedEntry['variables']}_URL`;
  /** Its role in both embedded databases, and the variable that names legacy's with it. */
  readonly role: `${ServedName}_cube`;
  readonly legacyDatabaseVariable: `${ServedEntry['variables']}_LEGACY_URL`;
  /** The stand-in of its legacy twin: its program, its port, and the variables that name another port and the real service. */
  readonly standIn: `legacy-${ServedName}`;
  readonly legacyPort: number;
  readonly legacyPortVariable: `LEGACY_${Uppercase<ServedName>}_PORT`;
  readonly legacyUrlVariable: `LEGACY_${Uppercase<ServedName>}_URL`;
}

export function legacyUrlVariable<Name extends TrafficName>(name: Name): `LEGACY_${Uppercase<Name>}_URL` {
  return `LEGACY_${upperCase(name)}_URL`;
}

function upperCase<Name extends string>(name: Name): Uppercase<Name> {
  return name.toUpperCase() as Uppercase<Name>;
}

export const cubeIds = Object.keys(cubes) as readonly CubeId[];

export const cubeDefinitions: readonly CubeDefinition[] = cubeIds.map(cubeDefinition);

export const trafficNames: readonly TrafficName[] = cubeDefinitions.flatMap(({ trafficName }) => trafficName ?? []);

export const servedCubes: readonly ServedCube[] = cubeIds.filter(isServed).map((cubeId) => {
  const { service, variables, trafficName, port, legacyPort } = cubes[cubeId];
  return {
    cubeId,
    service,
    trafficName,
    port,
    portVariable: `${variables}_PORT`,
    urlVariable: `${variables}_URL`,
    role: `${trafficName}_cube`,
    legacyDatabaseVariable: `${variables}_LEGACY_URL`,
    standIn: `legacy-${trafficName}`,
    legacyPort,
    legacyPortVariable: `LEGACY_${upperCase(trafficName)}_PORT`,
    legacyUrlVariable: legacyUrlVariable(trafficName),
  };
});

/** Something of each served cube, by the name that it has there. */
export function byServedCube<Name extends string, T>(
  nameOf: (cube: ServedCube) => Name,
  make: (cube: ServedCube) => T,
): Readonly<Record<Name, T>> {
  return Object.fromEntries(servedCubes.map((cube) => [nameOf(cube), make(cube)])) as Record<Name, T>;
}

function isServed(cubeId: CubeId): cubeId is ServedCubeId {
  const { service, variables, trafficName, legacyPort } = cubeEntry(cubeId);
  return [service, variables, trafficName, legacyPort].every((part) => part !== undefined);
}

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

/** The cube whose traffic flags have this name. */
export function cubeIdOf(name: TrafficName): CubeId {
  return cubeIds.find((cubeId) => cubeEntry(cubeId).trafficName === name) as CubeId;
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
