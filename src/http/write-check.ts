import type { FastifyInstance } from 'fastify';
import { Failure, toFailure } from '../base/failures.js';
import { type WriteCheck, writeCheckPath, writeCheckPermission } from '../domain/traffic/write-check.js';
import type { Authorization } from './authorization.js';

/**
 * Lets the control plane have a cube try a write as one of a user's is made, in a transaction that is taken back: a ramp brings
 * nobody to a cube that cannot write. Anybody else, the gateway's users among them, finds no such route.
 */
export function registerWriteCheck(
  app: FastifyInstance,
  { require }: Authorization,
  tryWrite: (() => Promise<void>) | undefined,
): void {
  if (tryWrite === undefined) return;
  const mayAsk = require(writeCheckPermission);
  app.post(
    writeCheckPath,
    {
      schema: { hide: true },
      onRequest: (request) =>
        mayAsk(request).catch((error: unknown) => {
          if (toFailure(error).type !== 'forbidden') throw error;
          throw new Failure('not_found', 'There is no such route.');
        }),
    },
    async (): Promise<WriteCheck> => {
      try {
        await tryWrite();
        return { writable: true, sentence: null };
      } catch (error) {
        return { writable: false, sentence: toFailure(error).message };
      }
    },
  );
}
