import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { KnownSecrets } from '../api/known-secrets.js';
import { fingerprintOf, readSecretsFile, secretsPollMillis } from '../auth/token-secrets.js';
import { cubeTokenSeconds } from '../auth/tokens.js';
import { Failure } from '../base/failures.js';
import type { Connect } from './control-client.js';
import { currentHome } from './current-stack.js';
import { exitCodes } from './exit-codes.js';
import { awaitInterruptibly } from './interrupt.js';
import { forgetWhenAllReport } from './known-secrets.js';
import { conclude, type Output } from './output.js';

/** A program that is busy may read it a little late. */
const untilAllKnowMillis = 3 * secretsPollMillis;
/** How long programs have to say that they know the new secret before the former one is forgotten. */
const graceMillis = 30_000;
/** A program that hung signs its last with the former secret a moment after it was changed. */
const graceSeconds = 60;

export function registerSecretCommand(program: Command, output: Output, connect: Connect): void {
  program
    .command('secret')
    .description('the secrets of tokens')
    .command('change')
    .description(
      'change the secret of cube tokens while the stack runs; tokens of the former secret are valid for another hour',
    )
    .option(
      '--forget-former',
      'refuse tokens of the former secret as soon as every program knows the new one, half a minute at most: for a secret that may have leaked',
    )
    .action(({ forgetFormer = false }: { forgetFormer?: boolean }) =>
      conclude(async () => {
        const stillRuns =
          'The change is not complete: until `cubeshift secret change` is called again, tokens of both secrets are valid.';
        const goodUntil = await awaitInterruptibly(stillRuns, output, () =>
          currentHome().alone('secret-change', () => changeCubeSecret(forgetFormer, output, connect)),
        );
        output.talk(`the secret of cube tokens is changed; tokens of the former one are good ${goodUntil}`);
        return exitCodes.done;
      }),
    );
}

/**
 * First everybody is made to know the new secret, then to sign with it: no token is ever refused for who heard of it
 * first. Killed in between, it continues where it was when it is called again. Returns for how long the former one is good.
 */
async function changeCubeSecret(forgetFormer: boolean, output: Output, connect: Connect): Promise<string> {
  const home = currentHome();
  const environment = home.environment();
  if (environment === undefined)
    throw new Failure('control_unreachable', `There is no stack in ${home.folder}.`, {
      safe: 'Nothing was changed.',
      hint: 'Bring it up with `cubeshift up`.',
    });
  const path = environment.TOKEN_SECRETS_FILE ?? '';
  if (path !== home.secretsPath || environment.CUBE_JWT_SECRET !== home.madeCubeSecret)
    throw new Failure('not_at_this_stage', 'The secrets of this stack are not its own: `up` was given them.', {
      hint: 'Change them where they come from: docs/changing-a-secret.md.',
    });
  const file = readSecretsFile(path);
  const { current, previous, previous_until: until } = file.cube ?? { current: environment.CUBE_JWT_SECRET };
  if (until !== undefined && Date.parse(until) > Date.now() && !forgetFormer)
    throw new Failure('not_at_this_stage', `Tokens of the secret before this one are good until ${until}.`, {
      hint: 'Change it again after that, or at once with --forget-former: then those tokens are refused.',
    });
  // Without a time the other one is not the former secret, but the next.
  const next = previous !== undefined && until === undefined ? previous : randomBytes(48).toString('base64url');
  home.recordSecrets({ ...file, cube: { current, previous: next } });
  output.talk('sending the new secret to every program');
  await sleep(untilAllKnowMillis);
  const goodUntil = new Date(Date.now() + (cubeTokenSeconds + graceSeconds) * 1000).toISOString();
  home.recordSecrets({ ...file, cube: { current: next, previous: current, previous_until: goodUntil } });
  if (!forgetFormer) return `until ${goodUntil}`;
  // A program that has not read it yet still signs with the old one, and one that reports nothing may be a little late too.
  await sleep(untilAllKnowMillis);
  const client = connect();
  const unheard = await forgetWhenAllReport({
    read: async () => (await client.call<KnownSecrets>('GET', '/v1/known-secrets')).programs,
    forget: () => home.recordSecrets({ ...file, cube: { current: next } }),
    fingerprint: fingerprintOf(next),
    knownMillis: graceMillis - 2 * untilAllKnowMillis,
    forgottenMillis: untilAllKnowMillis,
  });
  if (unheard.length > 0)
    output.talk(
      `these programs did not report that they know the new secret: ${unheard.join(', ')}. Tokens that they sign with the former one are refused: restart them`,
    );
  return 'no longer';
}
