import type { FastifyRequest } from 'fastify';
import { notFound } from './problem.js';

/** What a gateway passes on comes from this machine too, but bears its marks. */
const marksOfProxies = ['x-cube-source', 'x-forwarded-for', 'forwarded', 'via'] as const;

/** Throws, as if there were no such route, for callers elsewhere than on this machine. */
export function refuseOthers({ socket, headers }: FastifyRequest): void {
  const address = socket.remoteAddress ?? '';
  const loopback = address === '::1' || /^(::ffff:)?127\./.test(address);
  if (!loopback || marksOfProxies.some((name) => headers[name] !== undefined))
    throw notFound('There is no such route.');
}
