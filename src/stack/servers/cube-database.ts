import { Failure } from '../../base/failures.js';
import { inspectDatabase } from '../../postgres/diagnosis.js';
import { auditOwner, migrator } from './audit-owner.js';
import { prepareTables } from './embedded-database.js';
import { refuseForeignRoles } from './own-roles.js';
import { databaseRoles, ensureRoles } from './postgres-roles.js';
import { scramVerifier } from './scram.js';

const { database, owner, programs } = databaseRoles.cube;
const roles: readonly string[] = [owner, ...programs.map(({ name }) => name)];

/**
 * Gives a server the cube database as the embedded one has it: an owner without further rights, a role for each program
 * with the rights that the program needs, the ledger, and the audit that no program can change. Repeatable, also while
 * programs run. Throws `configuration_invalid` unless `passwords` has exactly these roles, and `conflict` where the server has one that
 * this program did not create.
 */
export async function setUpCubeDatabase(
  administratorUrl: string,
  passwords: ReadonlyMap<string, string>,
): Promise<void> {
  checkRoles(passwords);
  const passwordOf = (role: string) => passwords.get(role) ?? '';
  const server = {
    side: 'cube',
    name: 'cube server',
    variable: 'CUBE_ADMINISTRATOR_URL',
    url: administratorUrl,
  } as const;
  await inspectDatabase(server, async (client) => {
    await refuseForeignRoles(client, [...roles, auditOwner, migrator], database);
    await ensureRoles(client, 'cube', (role) => scramVerifier(passwordOf(role)));
  });
  const url = new URL(administratorUrl);
  url.pathname = `/${database}`;
  const ownerUrl = new URL(url);
  [ownerUrl.username, ownerUrl.password] = [owner, passwordOf(owner)];
  await prepareTables(url.href, ownerUrl.href, 'cube');
}

function checkRoles(passwords: ReadonlyMap<string, string>): void {
  const missing = roles.filter((role) => !passwords.has(role));
  const unknown = [...passwords.keys()].filter((role) => !roles.includes(role));
  const problems = [
    ...missing.map((role) => `CUBE_ROLE_PASSWORDS has no password of ${role}.`),
    ...unknown.map((role) => `CUBE_ROLE_PASSWORDS names ${role}, which is no role of the cube database.`),
  ];
  if (problems.length > 0) throw new Failure('configuration_invalid', problems.join('\n'));
}
