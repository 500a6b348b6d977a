import { readSecretsFile } from '../auth/token-secrets.js';
import { Failure } from '../base/failures.js';
import { readConfiguration } from '../config/configuration.js';
import { contentFolders } from '../stack/environment.js';
import { checkNotOfRemovedStack, withoutOwnValues } from '../stack/own-environment.js';
import { servingCubeUrls } from '../stack/programs/cubes.js';
import { StackHome } from '../state/home.js';

/** The state folder of the stack that commands without another word mean. */
export function currentHome(): StackHome {
  return new StackHome(readConfiguration(process.env, ['CUBESHIFT_HOME']).CUBESHIFT_HOME);
}

/**
 * What the caller has set, without what this stack's own `env` has put into the shell. Throws `configuration_invalid` where that
 * is of a stack which was removed.
 */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const home = currentHome();
  checkNotOfRemovedStack(home, process.env);
  return withoutOwnValues(home, process.env);
}

/** What the caller has set, with the folders that a stack would use; right or wrong only together. */
export function environmentOfStack(): NodeJS.ProcessEnv {
  const own = ownEnvironment();
  return { ...own, ...contentFolders(own, currentHome().folder) };
}

/** The variables of the stack in the current state folder; throws when there is none. */
export function liveEnvironment(): Readonly<Record<string, string>> {
  const environment = currentHome().environment();
  if (environment === undefined) {
    throw new Failure('control_unreachable', `There is no stack in ${currentHome().folder}.`, {
      safe: 'Nothing was changed.',
    });
  }
  const changed = readSecretsFile(environment.TOKEN_SECRETS_FILE ?? '').cube;
  const live = {
    ...environment,
    ...(changed === undefined ? {} : { CUBE_JWT_SECRET: changed.current }),
    ...servingCubeUrls(currentHome()),
  };
  // A shell reads what is printed: there a name can be a command.
  return Object.fromEntries(Object.entries(live).filter(([name]) => /^[A-Z][A-Z0-9_]*$/.test(name)));
}
