import type { cubes } from '../domain/catalog.js';
import {
  byServedCube,
  legacyUrlVariable,
  type ServedCube,
  type ServedCubeId,
  servedCubes,
  type TrafficName,
  trafficNames,
} from '../domain/cubes.js';
import { parseHttpUrl, parseOrigin, parsePort, parsePostgresUrl } from './parsers/addresses.js';
import { type Reader, type Variable, variable } from './variable.js';

/** The variables of every cube that has a legacy twin, by the catalogue: a cube that is added there has them all. */

const monolithCallers = ['control-worker', 'api-gateway-cube'] as const;
/** What calls one service apart from these: its cube passes on what it does not serve, and a comparison of models calls both. */
const furtherCallers = {
  LEGACY_AI_URL: ['ai-cube', 'bulk-worker'],
  LEGACY_PAPERWORK_URL: ['paperwork-cube'],
  LEGACY_CRAWLER_URL: ['crawler-cube'],
} as const satisfies Partial<Record<LegacyUrl, readonly Reader[]>>;
type LegacyUrl = ReturnType<typeof legacyUrlVariable<TrafficName>>;
type FurtherCallers<Name> = Name extends keyof typeof furtherCallers ? (typeof furtherCallers)[Name] : readonly [];
const commandLine = ['command-line'] as const;

/** One of the monolith's services is called by what has its URL. */
export const legacyUrlVariables = Object.fromEntries(
  trafficNames.map((name) => [legacyUrlVariable(name), legacyServiceVariable(name)]),
) as unknown as {
  readonly [Name in LegacyUrl]: Variable<string, readonly [...typeof monolithCallers, ...FurtherCallers<Name>]>;
};

function legacyServiceVariable(name: TrafficName) {
  const hasStandIn = servedCubes.some(({ trafficName }) => trafficName === name);
  const further: Partial<Record<LegacyUrl, readonly Reader[]>> = furtherCallers;
  const callers = [...monolithCallers, ...(further[legacyUrlVariable(name)] ?? [])];
  return variable(`URL of the monolith's ${name} service`, parseOrigin, callers, {
    fallback: '',
    sources: hasStandIn ? ['caller', 'stack'] : ['caller'],
    ...(hasStandIn ? { note: 'left out, `up` starts a stand-in' } : {}),
  });
}

/** The workers that do a cube's work, and are in legacy what it is. */
const workersOf = {
  'paperwork-cube': ['documents-worker'],
  'crawler-cube': ['crawler-worker'],
} as const satisfies Partial<Record<ServedCubeId, readonly Reader[]>>;
type WorkersOf<Id> = Id extends keyof typeof workersOf ? (typeof workersOf)[Id] : readonly [];

function workersOfCube(cubeId: ServedCubeId): readonly Reader[] {
  const workers: Partial<Record<ServedCubeId, readonly Reader[]>> = workersOf;
  return workers[cubeId] ?? [];
}

/** Read by its own cube, and by the workers that do its work. */
export const legacyDatabaseVariables = byServedCube(
  ({ legacyDatabaseVariable }) => legacyDatabaseVariable,
  ({ trafficName, cubeId }) =>
    variable(
      `PostgreSQL URL of the monolith with the ${trafficName} cube's own role; by default LEGACY_DATABASE_URL`,
      parsePostgresUrl,
      [cubeId, ...workersOfCube(cubeId)],
      { elsewhere: 'LEGACY_DATABASE_URL', sources: ['caller', 'stack'], server: true, secret: true },
    ),
) as {
  readonly [Name in ServedCube['legacyDatabaseVariable']]: Variable<
    string,
    readonly [CubeOf<Name>, ...WorkersOf<CubeOf<Name>>]
  >;
};

export const cubePortVariables = byServedCube(
  ({ portVariable }) => portVariable,
  ({ trafficName, port }) =>
    variable(`port of the first ${trafficName} cube that \`up\` starts`, parsePort, commandLine, { fallback: port }),
);

export const legacyPortVariables = byServedCube(
  ({ legacyPortVariable }) => legacyPortVariable,
  ({ trafficName, legacyPort }) =>
    variable(`port of the monolith's ${trafficName} service that \`up\` starts`, parsePort, commandLine, {
      fallback: legacyPort,
    }),
);

export const cubeUrlVariables = byServedCube(
  ({ urlVariable }) => urlVariable,
  ({ trafficName }) => variable(`URL of the ${trafficName} cube of a stack`, parseHttpUrl, [], { sources: ['stack'] }),
);

/** The cube whose variable this is. */
type CubeOf<Name extends ServedCube['legacyDatabaseVariable']> = {
  [Id in ServedCubeId]: Name extends `${VariablesOf<Id>}_LEGACY_URL` ? Id : never;
}[ServedCubeId];
type VariablesOf<Id extends ServedCubeId> = (typeof cubes)[Id]['variables'];
