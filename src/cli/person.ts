import { userInfo } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { isReadableName } from '../domain/person-name.js';

/** The value of `--by`. */
export function personNamed(text: string): string {
  if (!isReadableName(text))
    throw new InvalidArgumentError('must be a name of 1 to 100 characters, none of them invisible');
  return text;
}

/** Headers that name the person who types, for the audit: `person` as given by `--by`, and the operating system's user. */
export function callerHeaders(person: string | undefined): Readonly<Record<string, string>> {
  const user = operatingSystemUser();
  return {
    ...(person === undefined ? {} : { 'x-claimed-by': encodeURIComponent(person) }),
    ...(isReadableName(user) ? { 'x-os-user': encodeURIComponent(user) } : {}),
  };
}

function operatingSystemUser(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container a user may have a number alone.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
