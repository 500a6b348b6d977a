import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';

/** What is wrong with the URLs of servers as texts; each answer completes "NAME …", and never holds a value. */

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const sslFiles = ['sslrootcert', 'sslcert', 'sslkey'] as const;

/** What is wrong with the URL of a PostgreSQL database; undefined for one that can be used. */
export function postgresUrlProblem(value: string): string | undefined {
  const problem = urlProblem(value, ['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database');
  if (problem !== undefined) return problem;
  const url = new URL(value);
  if (url.pathname.length < 2) return 'must name a database after the host, as in …:5432/heal7';
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !sslModes.includes(mode)) return `must have an sslmode of ${sslModes.join(', ')}`;
  for (const name of sslFiles) {
    const file = url.searchParams.get(name);
    const wrong = file === null ? undefined : pemProblem(file);
    if (wrong !== undefined) return `names by ${name} ${wrong}`;
  }
  return undefined;
}

/** What is wrong with the URL of a Redis server; undefined for one that can be used. */
export function redisUrlProblem(value: string): string | undefined {
  return urlProblem(value, ['redis:', 'rediss:'], 'redis://host:6379');
}

/** What is wrong with a URL that may carry a user name and a password; undefined for one that can be used. */
export function urlProblem(value: string, protocols: readonly string[], example: string): string | undefined {
  const character = unencodedIn(value);
  if (character !== undefined)
    return `must have ${character} of its user name or password written as ${percentEncoded(character)}`;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && protocols.includes(url.protocol) && url.hostname !== ''
    ? undefined
    : `must be a URL such as ${example}`;
}

/**
 * The first character of a user name or password that ends them too early, because it means something in a URL
 * (https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1): the text behind it is then read as port, path or fragment.
 */
function unencodedIn(value: string): string | undefined {
  const rest = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/is.exec(value)?.[1] ?? '';
  // Read as it was meant, a host ends at the first of them.
  const [authority = ''] = readsAsMeant(value) ? rest.split(/[/?#]/) : [rest];
  const credentials = authority.slice(0, Math.max(0, authority.lastIndexOf('@')));
  return /[/?#]|%(?![0-9a-f]{2})|\s/i.exec(credentials)?.[0];
}

/** Whether there is no @ where none belongs: behind the first of the characters that end a host. */
function readsAsMeant(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { hash, pathname, username, search } = new URL(value);
  return hash === '' && !pathname.includes('@') && (username !== '' || !/@[^@/?#]+\//.test(search));
}

function percentEncoded(character: string): string {
  return character === '%' ? '%25' : encodeURIComponent(character);
}

/** What is wrong with a PEM file; undefined for one that can be read. Programs of a stack run in another folder than their user. */
export function pemProblem(file: string): string | undefined {
  if (!isAbsolute(file)) return 'a file by a relative path; name it from the root on';
  try {
    return readFileSync(file, 'utf8').includes('-----BEGIN ') ? undefined : 'a file that is not in PEM format';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return code === 'ENOENT' ? 'a file that does not exist' : `a file that cannot be read (${code})`;
  }
}
