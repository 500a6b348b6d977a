import type { FastifyInstance } from 'fastify';
import { Failure } from '../../base/failures.js';
import { predictionLimits } from '../../domain/models/prediction.js';

/**
 * Bounds the bytes of the bodies of predictions that are not answered yet, before they are read: numbers take several times as much
 * memory as their text. A body of unknown length counts as the largest.
 */
export function boundBodies(app: FastifyInstance, maxBytes: number): void {
  let bytes = 0;
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'POST') return;
    const length = Number(request.headers['content-length'] ?? predictionLimits.maxBodyBytes);
    // A larger one is refused for itself.
    const counted = Math.min(length, predictionLimits.maxBodyBytes);
    if (bytes + counted > maxBytes) throw tooManyBytes();
    bytes += counted;
    reply.raw.once('close', () => {
      bytes -= counted;
    });
  });
}

/** Of the whole cube, whichever model the request names. */
function tooManyBytes(): Failure {
  return new Failure('upstream_unavailable', 'Too many predictions wait to be computed.', {
    safe: 'No prediction was made.',
    hint: 'Try again in 1 s.',
    details: { reason: 'overloaded', retryAfterSeconds: 1 },
  });
}
