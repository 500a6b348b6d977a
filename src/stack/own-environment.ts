import { resolve } from 'node:path';
import { Failure } from '../base/failures.js';
import { variablesFrom } from '../config/variables.js';
import { StackHome } from '../state/home.js';

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
 * Throws `configuration_invalid` when the caller's variables are of a stack that was removed, whether another one is in its
 * place or not: no record is left of which of them the stack chose, and its servers, passwords and secrets are gone.
 */
export function checkNotOfRemovedStack(home: StackHome, environment: NodeJS.ProcessEnv): void {
  const { STATE_DIR: folder = '', STACK_ID: id } = environment;
  if (!hasVariablesOf(folder, environment) || new StackHome(folder).stackId === id) return;
  const unset = unsetOwnVariables(environment);
  throw new Failure(
    'configuration_invalid',
    `This shell has the variables of a stack in ${resolve(folder)} that was removed.`,
    {
      hint:
        home.environment() === undefined
          ? `Type \`${unset}\`, or open a new shell.`
          : `Type \`eval "$(cubeshift env)"\` for those of the stack that is in ${home.folder} now, or \`${unset}\`.`,
    },
  );
}

/** Whether a shell has taken over what `env` printed of a stack in this folder, then or now. */
export function hasVariablesOf(folder: string, { STATE_DIR: named, STACK_ID: id }: NodeJS.ProcessEnv): boolean {
  return Boolean(named && id) && resolve(named ?? '') === resolve(folder);
}

/** What a shell types to get rid of the variables that `env` has put there. */
export function unsetOwnVariables(environment: NodeJS.ProcessEnv): string {
  return `unset ${ownNames.filter((name) => environment[name]).join(' ')}`;
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

/** What `env` prints. */
const ownNames = variablesFrom('stack');
