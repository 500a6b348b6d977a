import type { FastifyReply } from 'fastify';
import { deadlineHeader } from '../upstream/deadline.js';

/** A client waits for so long at most. */
const limitMillis = 30_000;

/** Milliseconds for which the client of a request still waits, at least 1. */
export function timeLeft({ request, elapsedTime }: FastifyReply): number {
  const header = request.headers[deadlineHeader];
  const left = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : limitMillis;
  return Math.max(1, Math.min(limitMillis, left) - elapsedTime);
}
