import type { Command } from 'commander';
import { issueCubeToken } from '../auth/tokens.js';
import { Failure } from '../base/failures.js';
import { nearWord } from '../base/near-word.js';
import { knownPermissions } from '../domain/permissions.js';
import { isTokenHolder } from '../domain/token-holder.js';
import { cubeSecret } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output } from './output.js';

export function registerTokenCommand(program: Command, output: Output): void {
  program
    .command('token')
    .description('print a cube token, valid for an hour')
    .requiredOption('--cube-id <id>', 'the id of the cube that the token is for')
    .requiredOption('--permissions <list>', 'the permissions of the token, separated by commas')
    .action((options: { cubeId: string; permissions: string }) =>
      conclude(async () => {
        const permissions = options.permissions.split(',').map((one) => one.trim());
        if (!isTokenHolder(options.cubeId) || permissions.includes(''))
          throw new Failure(
            'invalid_input',
            'A cube id is letters, digits, dots, dashes and underscores; no permission is empty.',
          );
        for (const permission of permissions) {
          const near = knownPermissions.includes(permission) ? undefined : nearWord(permission, knownPermissions);
          if (near !== undefined) output.talk(`no program asks for ${permission}; did you mean ${near}?`);
        }
        const { token } = issueCubeToken(cubeSecret(), { cubeId: options.cubeId, permissions }, new Date());
        output.copy(token);
        return exitCodes.done;
      }),
    );
}
