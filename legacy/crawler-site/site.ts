import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { emptyPage, type Page } from './page.js';
import { pageOf } from './pages.js';
import { readSettings, robotsText, type SiteSettings, usualSettings } from './settings.js';
import { type Visit, VisitLog } from './visits.js';

export interface CrawlerSiteOptions {
  readonly settings?: Partial<SiteSettings>;
  readonly log?: VisitLog;
}

/**
 * A small site to crawl, which keeps a log of its own: what a checker believes. `GET /_log?after=N` answers the lines that follow as JSON lines;
 * `GET /_site` and `POST /_site` say and change how the site behaves. Neither stands in the log.
 */
export class CrawlerSite {
  readonly log: VisitLog;
  private readonly server: Server;
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private readonly firstVisits = new Map<string, number>();
  private current: SiteSettings;

  constructor({ settings = {}, log = new VisitLog() }: CrawlerSiteOptions = {}) {
    this.current = { ...usualSettings, ...settings };
    this.log = log;
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  /** Returns the origin, as `http://127.77.0.1:8081`. */
  async listen(host: string, port: number): Promise<string> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    return `http://${host}:${(this.server.address() as AddressInfo).port}`;
  }

  change(settings: Partial<SiteSettings>): void {
    this.current = { ...this.current, ...settings };
    this.changes.emit('changed');
  }

  /** Requests that wait are cut off. */
  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    if (path.startsWith('/_')) return this.steer(request, response, path);
    const visit = this.log.begin(path, request.headers['user-agent'] ?? '');
    response.once('close', () => this.log.end(visit, response.writableFinished ? response.statusCode : null));
    const page = await this.pageFor(path, request, gone(response));
    if (page !== undefined) send(response, page);
  }

  /** Undefined for a client that has left. */
  private async pageFor(path: string, request: IncomingMessage, left: AbortSignal): Promise<Page | undefined> {
    if (path === '/robots.txt') return this.robots();
    while (this.current.hold && !left.aborted)
      await once(this.changes, 'changed', { signal: left }).catch(() => undefined);
    if (Date.now() < this.current.busy_until) return emptyPage(429, { 'retry-after': '1' });
    const url = new URL(path, 'http://site');
    const page = pageOf(url, request.headers['if-none-match'], (name, millis) => this.isBusy(name, millis));
    if (page.waitMillis !== undefined) await pause(page.waitMillis, undefined, { signal: left }).catch(() => undefined);
    return left.aborted ? undefined : page;
  }

  private robots(): Page {
    const { robots_status: status } = this.current;
    if (status !== 200) return emptyPage(status);
    return { ...emptyPage(200), body: Buffer.from(robotsText(this.current)) };
  }

  private isBusy(name: string, millis: number): boolean {
    const first = this.firstVisits.get(name) ?? Date.now();
    this.firstVisits.set(name, first);
    return Date.now() < first + millis;
  }

  private async steer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const url = new URL(path, 'http://site');
    if (url.pathname === '/_log') {
      const lines = this.log.after(Number(url.searchParams.get('after') ?? 0)).map(lineOf);
      return send(response, jsonPage(200, lines.join('')));
    }
    if (url.pathname !== '/_site') return send(response, emptyPage(404));
    if (request.method === 'POST') {
      const wanted = readSettings(await jsonOf(request), this.current);
      if (wanted === undefined) return send(response, emptyPage(400));
      this.change(wanted);
    }
    send(response, jsonPage(200, `${JSON.stringify(this.current)}\n`));
  }
}

/** A line of the log. */
export function lineOf(visit: Visit): string {
  return `${JSON.stringify(visit)}\n`;
}

function send(response: ServerResponse, { status, headers, body }: Page): void {
  response.writeHead(status, { ...headers, ...(status === 304 ? {} : { 'content-length': body.length }) });
  response.end(body);
}

function jsonPage(status: number, text: string): Page {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(text) };
}

/** Undefined for what is no JSON. */
async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}

function gone(response: ServerResponse): AbortSignal {
  const left = new AbortController();
  response.once('close', () => left.abort());
  return left.signal;
}
