/** The cubes of the system, a line each: what the gateway routes, the control API lists and the stack starts. */

export type CubeType = 'core_service' | 'support_service' | 'infrastructure';

export interface CubeDefinition {
  readonly cubeId: string;
  readonly type: CubeType;
  /** The port it listens on unless told otherwise. */
  readonly port: number;
  /** The path under which the gateway serves it, ending in a slash; null for what users do not reach. */
  readonly prefix: string | null;
  /** The name in the keys of its traffic flags; null where legacy has no twin of it. */
  readonly trafficName: TrafficName | null;
}

/** The cubes that have a legacy twin, by the name that their traffic flags carry. */
export const trafficNames = ['saju', 'ai', 'paperwork', 'crawler'] as const;
export type TrafficName = (typeof trafficNames)[number];

export const cubeDefinitions = [
  cube('api-gateway-cube', 'infrastructure', 8088),
  cube('security-cube', 'infrastructure', 8080),
  cube('monitoring-cube', 'infrastructure', 9464),
  cube('saju-cube', 'core_service', 8001, '/api/saju/', 'saju'),
  cube('ai-cube', 'core_service', 8002, '/api/ai/', 'ai'),
  cube('paperwork-cube', 'support_service', 8003, '/api/paperwork/', 'paperwork'),
  cube('crawler-cube', 'support_service', 8004, '/api/crawler/', 'crawler'),
  cube('frontend-cube', 'support_service', 3000, '/'),
] as const satisfies readonly CubeDefinition[];

export type CubeId = (typeof cubeDefinitions)[number]['cubeId'];

export function findCube(cubeId: string): CubeDefinition | undefined {
  return cubeDefinitions.find((definition) => definition.cubeId === cubeId);
}

export function isTrafficName(name: string): name is TrafficName {
  return trafficNames.some((known) => known === name);
}

function cube<const Id extends string>(
  cubeId: Id,
  type: CubeType,
  port: number,
  prefix: string | null = null,
  trafficName: TrafficName | null = null,
): CubeDefinition & { readonly cubeId: Id } {
  return { cubeId, type, port, prefix, trafficName };
}
