import type { FastifyInstance } from 'fastify';
import { Failure, toFailure } from '../base/failures.js';
import { type WriteCheck, writeCheckPath, writeCheckPermission } from '../domain/traffic/write-check.js';
import type { Authorization } from './authorization.js';

/**
 * A route for the control plane: the cube tries a user's write in a transaction that it rolls back, so that a ramp sends no user
 * to a cube that cannot write. For all other callers, users of the gateway included, the route does not exist.
 */
export function registerWriteCheck(
  app: FastifyInstance,
  { require }: Authorization,
  tryWrite: (() => Promise<void>) | undefined,
): void {
  if (tryWrite === undefined) return;
  const requirePermission = require(writeCheckPermission);
  app.post(
    writeCheckPath,
    {
      schema: { hide: true },
      onRequest: (request) =>
        requirePermission(request).catch((error: unknown) => {
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
