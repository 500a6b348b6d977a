import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pattern, sumOf } from './pattern.js';

/** What stands behind the proxies: answers a GET with the content, and a POST with the SHA-256 of the body that came. */
export async function serveFiles(port: number, bytes: number): Promise<void> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
      Readable.from(pattern(bytes)).pipe(response);
      return;
    }
    void sumOf(request).then(
      (sha256) => {
        const body = JSON.stringify({ sha256 });
        response.writeHead(201, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
        response.end(body);
      },
      () => response.destroy(),
    );
  });
  // The body of a GiB may take longer than any other request.
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}
