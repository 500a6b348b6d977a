import { join } from 'node:path';

/** Every file and folder of the state folder, named once; what is in each is said where it is read and written. */
export const stateFiles = {
  /** Ports and secrets: settings.ts. */
  settings: 'settings.json',
  /** The variables of the stack, as `up` was given them. */
  environment: 'environment.json',
  /** Every value that a variable had because the stack chose it. */
  embeddedValues: 'embedded-values.json',
  /** The secrets of tokens that were changed while the stack ran. */
  tokenSecrets: 'token-secrets.json',
  /** Where root's databases are. */
  databases: 'databases.json',
  /** There once an `up` has succeeded: when it first did. */
  firstUp: 'first-up.json',
  /** The processes of the stack. */
  processes: 'processes.json',
  /** What should run of each cube, in numbered files: desired-cubes.ts. */
  desiredCubes: 'cubes',
  /** What runs of each cube: observed-cubes.ts. */
  observedCubes: 'cube-instances.json',
  /** The versions of cubes, in one folder a cube: releases.ts. */
  releases: 'releases',
  /** The models of the monolith's stand-in, as its `lay-out.ts` lays them out. */
  legacyModels: 'legacy-models',
  /** The paperwork files of the monolith's stand-in, as its `lay-out.ts` lays them out. */
  legacyFiles: 'legacy-files',
  /** The content-addressed store. */
  storage: 'storage',
  /** One file a program: logs.ts. */
  logs: 'logs',
  /** One file a cube whose users go to legacy: kill-switches.ts. */
  killSwitches: 'kill-switch',
  /** The flags of traffic as a gateway knew them last. */
  trafficFlags: 'traffic-flags.json',
  /** What the shadow comparison leaves out. */
  shadowRules: 'shadow-rules.json',
  /** The embedded Temporal server: its database, certificates and keys, and the processes of server and front. */
  temporalDatabase: 'temporal.db',
  temporalKeys: 'temporal-keys',
  temporalServer: 'temporal.pid',
  temporalFront: 'temporal-front.pid',
  /** The embedded Redis: its configuration and its users. */
  redisConfiguration: 'redis.conf',
  redisUsers: 'redis.acl',
} as const;

export type StateFile = keyof typeof stateFiles;

/** The path of a file of a state folder, or of something in one of its folders. */
export function pathOf(stateFolder: string, file: StateFile, ...parts: readonly string[]): string {
  return join(stateFolder, stateFiles[file], ...parts);
}
