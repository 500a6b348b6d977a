import { Failure } from '../base/failures.js';
import type { VariableName } from '../config/variables.js';
import { byServedCube } from '../domain/cubes.js';
import { reservePort } from '../state/port-reservations.js';
import { isPortFree } from '../state/ports.js';
import { hostOf, legacyPortOf, type PortName, type StackSettings, usualPorts } from '../state/settings.js';
import { type OwnServers, portVariables } from './environment.js';

type Ports = StackSettings['ports'];

/** What listens on a port, by the name that `cubeshift ps` gives it. */
const listeners: Readonly<Record<PortName, string>> = {
  temporal: 'temporal',
  temporalUi: 'the Temporal Web UI',
  legacyPostgres: 'postgres-legacy',
  cubePostgres: 'postgres-cube',
  redis: 'redis',
  control: 'control',
  gateway: 'api-gateway-cube',
  security: 'security-cube',
  monitoring: 'monitoring-cube',
  ...byServedCube(
    ({ service }) => service,
    ({ cubeId }) => cubeId,
  ),
  ...byServedCube(legacyPortOf, ({ trafficName }) => `legacy-${trafficName}`),
  crawlerSite: 'crawler-site',
};

/** Servers of the user's own, in whose place none of the stack's listens. */
const replaced: Readonly<Partial<Record<PortName, VariableName>>> = {
  temporal: 'TEMPORAL_ADDRESS',
  temporalUi: 'TEMPORAL_ADDRESS',
  legacyPostgres: 'LEGACY_DATABASE_URL',
  cubePostgres: 'CUBE_DATABASE_URL',
  redis: 'REDIS_URL',
  ...byServedCube(legacyPortOf, ({ legacyUrlVariable }) => legacyUrlVariable),
  crawlerSite: 'LEGACY_CRAWLER_URL',
};

/**
 * Throws `configuration_invalid` when a port that the environment names cannot be had: what a person has set is never
 * replaced. `inUse` are the ports on which programs of this stack listen already.
 */
export async function checkRequestedPorts(environment: NodeJS.ProcessEnv, inUse: ReadonlySet<number>): Promise<void> {
  const names = new Map<number, string>();
  for (const [name, part] of Object.entries(portVariables)) {
    const port = Number(environment[name] || 0);
    if (port === 0) continue;
    const other = names.get(port);
    if (other !== undefined) throw refused(`${other} and ${name} name the same port, ${port}`, name);
    names.set(port, name);
    if (!inUse.has(port) && !((await isPortFree(port, hostOf(part))) && reservePort(port)))
      throw refused(`Port ${port}, which ${name} names, is taken by another program`, name);
  }
}

function refused(sentence: string, name: string): Failure {
  return new Failure('configuration_invalid', `${sentence}.`, {
    safe: 'Nothing was started or changed.',
    hint: `Name another port in ${name}, or leave it out: then \`cubeshift up\` finds a free one.`,
  });
}

/** A sentence for each port that was not free, and the one that is used instead. `former` are those of the last start. */
export function movedPorts(
  former: Ports | undefined,
  { ports }: Pick<StackSettings, 'ports'>,
  requested: Partial<Ports>,
  own: OwnServers,
): readonly string[] {
  return (Object.keys(usualPorts) as PortName[]).flatMap((name) => {
    const [before, now] = [former?.[name] ?? usualPorts[name], ports[name]];
    const server = replaced[name];
    if (before === now || requested[name] !== undefined || (server !== undefined && own[server])) return [];
    return [`port ${before} is taken: ${listeners[name]} uses ${now}`];
  });
}
