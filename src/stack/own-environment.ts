import { resolve } from 'node:path';
import { Failure } from '../base/failures.js';
import { variablesFrom, variableTable } from '../config/variables.js';
import type { StackHome } from '../state/home.js';

/**
 * The caller's environment without what `cubeshift env` of this stack has put there: a shell that took those variables over
 * keeps them when the stack is stopped, and they are not the caller's own servers, services and secrets.
 */
export function withoutOwnValues(home: StackHome, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const known = home.embeddedValues();
  const secrets = home.secretsInUse();
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name, value = '']) => !known[name]?.includes(value) && !(name === 'CUBE_JWT_SECRET' && secrets.includes(value)),
    ),
  );
}

/**
 * Throws `configuration_invalid` when the caller's variables are of a stack whose folder was removed meanwhile: no
 * record is left of which of them the stack chose.
 */
export function checkNotOfRemovedStack(home: StackHome, environment: NodeJS.ProcessEnv): void {
  if (!environment.STATE_DIR || resolve(environment.STATE_DIR) !== home.folder) return;
  if (Object.keys(home.embeddedValues()).length > 0) return;
  const names = ownNames.filter((name) => environment[name]);
  throw new Failure(
    'configuration_invalid',
    `This shell has the variables of a stack in ${home.folder} that is no longer there.`,
    { hint: `Open a new shell, or type: unset ${names.join(' ')}` },
  );
}

/** Keeps in mind what the stack chose by itself: `env` prints it from now on. */
export function recordOwnValues(
  home: StackHome,
  chosen: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
): void {
  const known = home.embeddedValues();
  const fresh = Object.entries(chosen).flatMap(([name, value]) =>
    environment[name] ? [] : [[name, [...new Set([...(known[name] ?? []), value])]] as const],
  );
  home.recordEmbeddedValues({ ...known, ...Object.fromEntries(fresh) });
}

/** What of the variables that `env` prints would be taken for the caller's own. */
const ownNames = variablesFrom('stack').filter((name) => variableTable[name].readers.length > 0);
