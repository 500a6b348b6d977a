import { createHmac, randomBytes } from 'node:crypto';
import { fallbackOf } from '../config/variables.js';
import { byServedCube, type ServedCube } from '../domain/cubes.js';
import { choosePort, loopback } from './ports.js';

/** Ports by the part that listens on them, and where each usually is. */
export const usualPorts = {
  temporal: 7233,
  temporalUi: 8233,
  legacyPostgres: 5432,
  cubePostgres: 5433,
  redis: 6379,
  control: fallbackOf('CONTROL_PORT'),
  gateway: fallbackOf('GATEWAY_PORT'),
  security: fallbackOf('SECURITY_CUBE_PORT'),
  monitoring: fallbackOf('MONITORING_CUBE_PORT'),
  ...byServedCube(
    ({ service }) => service,
    ({ portVariable }) => fallbackOf(portVariable),
  ),
  ...byServedCube(legacyPortOf, ({ legacyPortVariable }) => fallbackOf(legacyPortVariable)),
  crawlerSite: fallbackOf('CRAWLER_SITE_PORT'),
} as const;
export type PortName = keyof typeof usualPorts;

/** Where a part listens. The site that jobs crawl has an address of its own: crawlers may connect to nothing else of this machine. */
export function hostOf(name: PortName): string {
  return name === 'crawlerSite' ? '127.77.0.1' : loopback;
}

/** The name of the port of a stand-in. */
export function legacyPortOf({ trafficName }: Pick<ServedCube, 'trafficName'>) {
  const capitalized = `${trafficName.charAt(0).toUpperCase()}${trafficName.slice(1)}` as Capitalize<typeof trafficName>;
  return `legacy${capitalized}` as const;
}

/** What is decided once for a stack and kept: ports and secrets. */
export interface StackSettings {
  readonly ports: Readonly<Record<PortName, number>>;
  /** What passwords of the embedded servers are made of: `passwordFrom`. */
  readonly passwordSecret: string;
  readonly cubeJwtSecret: string;
  readonly userJwtSecret: string;
}

const parts = ['ports', 'passwordSecret', 'cubeJwtSecret', 'userJwtSecret'] as const satisfies (keyof StackSettings)[];

/** Whether settings that were kept have every part. */
export function areWhole(kept: Partial<StackSettings> | null): kept is StackSettings {
  return parts.every((part) => kept?.[part] !== undefined);
}

/** The password of one user of an embedded server; without the secret no password follows from another. */
export function passwordFrom({ passwordSecret }: Pick<StackSettings, 'passwordSecret'>, name: string): string {
  return createHmac('sha256', passwordSecret).update(name).digest('base64url');
}

/** Names one stack and no later one in the same folder. */
export function stackIdOf(settings: Pick<StackSettings, 'passwordSecret'>): string {
  return passwordFrom(settings, 'id of the stack').slice(0, 16);
}

/**
 * The settings of a stack: those that are kept, new ones where there are none. Ports that others took meanwhile are chosen
 * anew; those that are `requested` are taken as they are, and by no other part.
 */
export async function chooseSettings(
  kept: StackSettings | undefined,
  inUse: ReadonlySet<number>,
  requested: Readonly<Partial<Record<PortName, number>>>,
): Promise<StackSettings> {
  const ports: Partial<Record<PortName, number>> = {};
  const taken = new Set(Object.values(requested));
  for (const [name, usual] of Object.entries(usualPorts) as [PortName, number][]) {
    const wanted = kept?.ports[name] ?? usual;
    // Temporal's two ports belong together, whichever of its processes lives.
    const holders = kept !== undefined && isTemporal(name) ? [kept.ports.temporal, kept.ports.temporalUi] : [wanted];
    const own = holders.some((holder) => inUse.has(holder));
    const port = requested[name] ?? (own ? wanted : await choosePort(wanted, taken, hostOf(name)));
    ports[name] = port;
    taken.add(port);
  }
  return {
    ports: ports as Record<PortName, number>,
    passwordSecret: kept?.passwordSecret ?? randomBytes(32).toString('base64url'),
    cubeJwtSecret: kept?.cubeJwtSecret ?? randomBytes(48).toString('base64url'),
    userJwtSecret: kept?.userJwtSecret ?? randomBytes(48).toString('base64url'),
  };
}

function isTemporal(name: PortName): boolean {
  return name === 'temporal' || name === 'temporalUi';
}
