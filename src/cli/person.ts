import { userInfo } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { isReadableName } from '../domain/person-name.js';

/** Whom `--as` names, of the command that runs. */
let claimed: string | undefined;

export function claimToBe(name: string | undefined): void {
  claimed = name;
}

/** The value of `--as`. */
export function personNamed(text: string): string {
  if (!isReadableName(text))
    throw new InvalidArgumentError('must be a name of 1 to 100 characters, none of them invisible');
  return text;
}

/** What the audit is told of who types, as headers. */
export function claims(): Readonly<Record<string, string>> {
  const user = operatingSystemUser();
  return {
    ...(claimed === undefined ? {} : { 'x-claimed-by': encodeURIComponent(claimed) }),
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
