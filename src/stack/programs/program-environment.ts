import type { Environment } from '../../config/configuration.js';
import type { Reader } from '../../config/variable.js';
import { variablesOf } from '../../config/variables.js';
import { isDatabaseVariable } from './program-databases.js';

/**
 * What a program of the stack is run with: the variables that the table gives these readers, and nothing of the caller's
 * environment. The databases come from `databases`, with the program's own roles; everything else from `env`, the
 * variables of the stack.
 */
export function programEnvironment(readers: readonly Reader[], env: Environment, databases: Environment): Environment {
  const given = variablesOf(...readers).map(
    (name) => [name, (isDatabaseVariable(name) ? databases : env)[name]] as const,
  );
  return {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  };
}
