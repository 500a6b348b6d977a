import type { VariableName } from '../../config/variables.js';
import { byServedCube, type ServedCube } from '../../domain/cubes.js';
import type { Side } from '../../domain/side.js';
import type { StackSettings } from '../../state/settings.js';
import { roleUrl } from '../servers/embedded-database.js';
import type { CubeRole, LegacyRole } from '../servers/postgres-roles.js';

/** The roles under which a program connects to the embedded databases. */
export interface DatabaseRoles {
  readonly legacy?: LegacyRole;
  readonly cube?: CubeRole;
}

type DatabaseVariable =
  | 'LEGACY_DATABASE_URL'
  | 'CUBE_DATABASE_URL'
  | 'AUDIT_DATABASE_URL'
  | ServedCube['legacyDatabaseVariable'];

/** The variables that name a database, and by which variables the user's own server is named, the first that is set. */
const databases: Readonly<Record<DatabaseVariable, { readonly side: Side; readonly own: readonly VariableName[] }>> = {
  LEGACY_DATABASE_URL: { side: 'legacy', own: ['LEGACY_DATABASE_URL'] },
  CUBE_DATABASE_URL: { side: 'cube', own: ['CUBE_DATABASE_URL'] },
  AUDIT_DATABASE_URL: { side: 'cube', own: ['CUBE_DATABASE_URL'] },
  ...byServedCube(
    ({ legacyDatabaseVariable }) => legacyDatabaseVariable,
    ({ legacyDatabaseVariable }) => ({ side: 'legacy', own: [legacyDatabaseVariable, 'LEGACY_DATABASE_URL'] }),
  ),
};

export function isDatabaseVariable(name: VariableName): name is DatabaseVariable {
  return name in databases;
}

/**
 * Those of the named variables that name a database: the user's own server, which has roles of its own, else the embedded
 * one as the role of its side.
 */
export function databaseVariables(
  names: readonly VariableName[],
  roles: DatabaseRoles,
  settings: Pick<StackSettings, 'ports' | 'passwordSecret'>,
  ownServers: Readonly<Partial<Record<VariableName, string>>>,
): Readonly<Partial<Record<VariableName, string>>> {
  return Object.fromEntries(
    names.filter(isDatabaseVariable).flatMap((name) => {
      const { side, own } = databases[name];
      const role = roles[side];
      const ownUrl = own.map((variable) => ownServers[variable]).find((url) => url !== undefined);
      if (ownUrl !== undefined) return [[name, ownUrl]];
      return role === undefined ? [] : [[name, roleUrl(settings, side, role)]];
    }),
  );
}
