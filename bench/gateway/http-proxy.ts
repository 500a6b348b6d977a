import httpProxy from '@fastify/http-proxy';
import Fastify from 'fastify';

/** The peer that Node users would take: `@fastify/http-proxy`, its own retries and logging off. */
export async function serveHttpProxy(port: number, upstream: string): Promise<void> {
  const app = Fastify({ logger: false });
  await app.register(httpProxy, { upstream, prefix: '/api/saju', rewritePrefix: '', retryMethods: [] } as never);
  await app.listen({ host: '127.0.0.1', port });
}
