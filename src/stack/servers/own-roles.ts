import type pg from 'pg';
import { Failure } from '../../base/failures.js';

/** The comment of each role that this program has created. */
const mark = 'created by cubeshift';

/** A statement that marks a role that was just created, in the same transaction. */
export function markOwnRole(role: string): string {
  return `comment on role ${role} is '${mark}'`;
}

/**
 * Throws `conflict` where the server has one of these roles, or the database, and this program did not create it: it may be in use,
 * and would lose its password, its owner and its attributes. A database of the administrator's own is one made for this.
 */
export async function refuseForeignRoles(
  administrator: pg.ClientBase,
  roles: readonly string[],
  database: string,
): Promise<void> {
  const found = await administrator.query<{ what: string; role: string }>(
    `select 'role ' || rolname as what, rolname as role from pg_roles
      where rolname = any ($1) and shobj_description(oid, 'pg_authid') is distinct from $2
     union all
     select 'database ' || datname, rolname from pg_database join pg_roles on pg_roles.oid = datdba
      where datname = $3 and shobj_description(datdba, 'pg_authid') is distinct from $2 and rolname <> current_user
      order by 1`,
    [roles, mark, database],
  );
  if (found.rows.length === 0) return;
  const own = [...new Set(found.rows.map(({ role }) => role))].map((role) => `\`${markOwnRole(role)};\``).join(' ');
  throw new Failure(
    'conflict',
    `The server has what cubeshift did not create there: ${found.rows.map(({ what }) => what).join(', ')}.`,
    {
      safe: 'Nothing was changed: neither passwords nor rights.',
      hint: `Use a server where these names are free. Where they are of an earlier cubeshift, say so as its superuser: ${own}`,
    },
  );
}
