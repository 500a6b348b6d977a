import { trafficNames } from './cubes.js';

/** The permissions that programs of this package ask for. Tokens may carry others: those of programs of one's own. */
export const knownPermissions: readonly string[] = [
  'migration:read',
  'migration:write',
  'records:read',
  'token:issue',
  ...trafficNames.map((name) => `${name}:call`),
];
