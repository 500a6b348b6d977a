import type { StackSettings } from '../../state/home.js';
import { roleUrl } from '../servers/embedded-database.js';
import type { CubeRole, LegacyRole } from '../servers/postgres-roles.js';

/** The databases that a program reads, each by the variable that names it, and as whom it comes to an embedded one. */
export interface DatabaseNeeds {
  readonly LEGACY_DATABASE_URL?: LegacyRole;
  readonly SAJU_CUBE_LEGACY_URL?: LegacyRole;
  readonly CUBE_DATABASE_URL?: CubeRole;
  readonly AUDIT_DATABASE_URL?: CubeRole;
}

/** Servers of the user's own, which have roles of their own. */
type OwnUrls = Readonly<Partial<Record<'LEGACY_DATABASE_URL' | 'SAJU_CUBE_LEGACY_URL' | 'CUBE_DATABASE_URL', string>>>;

/** What a program is told of databases: nothing but what it needs. */
export function databaseVariables(
  needs: DatabaseNeeds,
  settings: Pick<StackSettings, 'ports' | 'passwordSecret'>,
  own: OwnUrls,
): Readonly<Record<string, string>> {
  const legacy = (role: LegacyRole) =>
    (role === 'saju_cube' ? own.SAJU_CUBE_LEGACY_URL : undefined) ??
    own.LEGACY_DATABASE_URL ??
    roleUrl(settings, 'legacy', role);
  const cube = (role: CubeRole) => own.CUBE_DATABASE_URL ?? roleUrl(settings, 'cube', role);
  return Object.fromEntries([
    ...(['LEGACY_DATABASE_URL', 'SAJU_CUBE_LEGACY_URL'] as const).flatMap((name) => {
      const role = needs[name];
      return role === undefined ? [] : [[name, legacy(role)]];
    }),
    ...(['CUBE_DATABASE_URL', 'AUDIT_DATABASE_URL'] as const).flatMap((name) => {
      const role = needs[name];
      return role === undefined ? [] : [[name, cube(role)]];
    }),
  ]);
}

/** The variables of a stack without its databases. */
export function withoutDatabases(env: Readonly<Record<string, string>>): Record<string, string> {
  const {
    LEGACY_DATABASE_URL: _legacy,
    SAJU_CUBE_LEGACY_URL: _sajuCube,
    CUBE_DATABASE_URL: _cube,
    AUDIT_DATABASE_URL: _audit,
    ...others
  } = env;
  return others;
}
