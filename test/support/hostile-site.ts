import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the site saw it. */
export interface SeenRequest {
  readonly host: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Of the site's monotonic clock, milliseconds. */
  readonly at: number;
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A site on this machine that does what a test says, and keeps a log of its own. What it is not told to answer is 404. */
export class HostileSite {
  readonly seen: SeenRequest[] = [];
  /** Bytes of bodies that it could send. */
  sentBytes = 0;
  private readonly answers = new Map<string, Answer>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
      const { host = '', ...headers } = request.headers;
      const path = request.url ?? '';
      this.seen.push({ host, path, headers, at: performance.now() });
      const answer = this.answers.get(`${host}${path}`) ?? this.answers.get(path);
      if (answer === undefined) response.writeHead(404).end();
      else answer(response, request);
    });
  }

  static async start(): Promise<HostileSite> {
    const site = new HostileSite();
    await new Promise<void>((resolve) => site.server.listen(0, '127.0.0.1', resolve));
    return site;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** `place` is a path, or a host with a path, which goes before. */
  on(place: string, answer: Answer): void {
    this.answers.set(place, answer);
  }

  page(place: string, html: string | Buffer, headers: Readonly<Record<string, string>> = {}): void {
    this.on(place, (response) => response.writeHead(200, { 'content-type': 'text/html', ...headers }).end(html));
  }

  redirect(place: string, location: string): void {
    this.on(place, (response) => response.writeHead(302, { location }).end());
  }

  /** Sends parts for as long as somebody reads them. */
  endless(place: string, part: Buffer, millis = 0, headers: Readonly<Record<string, string>> = {}): void {
    this.on(place, (response) => {
      response.writeHead(200, { 'content-type': 'text/html', ...headers });
      const send = () => {
        if (response.destroyed) return;
        this.sentBytes += part.length;
        response.write(part, () => setTimeout(send, millis));
      };
      send();
    });
  }

  /** Paths that a host was asked for, without its robots.txt. */
  pagesOf(host: string): readonly SeenRequest[] {
    return this.seen.filter((request) => request.host === host && request.path !== '/robots.txt');
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
