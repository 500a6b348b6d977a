import type { FastifyInstance } from 'fastify';
import { predictionLimits } from '../../domain/models/prediction.js';
import { modelUnavailable } from '../../models/model-unavailable.js';

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
    if (bytes + counted > maxBytes) throw modelUnavailable('overloaded', 1000);
    bytes += counted;
    reply.raw.once('close', () => {
      bytes -= counted;
    });
  });
}
