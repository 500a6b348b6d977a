import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { maxConnections } from './rpc-front.js';
import type { UiLogin } from './ui-login.js';

/** Where the front says whether the server answers. */
export const readyPath = '/-/ready';

/** Where the front listens, and the server's own two. */
interface UiPorts {
  readonly outside: number;
  readonly ui: number;
  readonly rpc: number;
}

/** Headers of one connection (RFC 9110, 7.6.1). */
const ofConnection = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
/** What would let a page of another origin read the answer. */
const corsHeader = /^access-control-/;

/**
 * Passes on to the Web UI of this network what comes from pages of its own, from a visitor who
 * came by the link. A name that another page made point here (DNS rebinding) is refused by its Host.
 */
export function createUiFront(login: UiLogin, ports: UiPorts): Server {
  const { outside, ui: port, rpc: rpcPort } = ports;
  const hosts = [`127.0.0.1:${outside}`, `localhost:${outside}`];
  const server = createServer({ requireHostHeader: true }, (incoming, answer) => {
    // What a page of this one may do is decided here for every answer, from the server or from this proxy.
    answer.setHeader('x-frame-options', 'SAMEORIGIN');
    answer.setHeader('referrer-policy', 'same-origin');
    answer.setHeader('x-content-type-options', 'nosniff');
    const { host = '', cookie } = incoming.headers;
    const path = incoming.url ?? '';
    if (!hosts.includes(host) || !path.startsWith('/') || namesTwoHosts(incoming)) return say(answer, 403, wrongHost);
    if (path === readyPath) return answerReady(answer, rpcPort);
    const page = login.pageOf(path);
    if (page === null) return say(answer, 401, howToOpen);
    if (page !== undefined) return open(answer, login.cookie(new Date()), page);
    if (!login.knows(cookie, new Date())) return say(answer, 401, howToOpen);
    if (!isOfOwnPage(incoming, host)) return say(answer, 403, wrongPage);
    return passOn(incoming, answer, { host: '127.0.0.1', port, headers: headersFor(incoming, login, port) });
  });
  server.maxConnections = maxConnections;
  return server;
}

const wrongHost = 'The Web UI is not served under this name.';
const wrongPage = 'A page of another site may not use the Web UI.';
const howToOpen = 'Open the Web UI by the link that `cubeshift env` prints as TEMPORAL_UI_URL.';

function say(answer: ServerResponse, status: number, text: string): void {
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  answer.end(`${text}\n`);
}

/**
 * A page that redirects to the clean address by itself: after a redirect a browser that follows a link of another site
 * would not send the cookie, since that site began it.
 */
function open(answer: ServerResponse, cookie: string, page: string): void {
  answer.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'set-cookie': cookie,
    'referrer-policy': 'no-referrer',
    refresh: `0; url=${page}`,
  });
  answer.end('<!doctype html><title>Temporal Web UI</title>');
}

function answerReady(answer: ServerResponse, rpcPort: number): void {
  const socket = connect({ port: rpcPort, host: '127.0.0.1', timeout: 1000 });
  const respond = (status: number) => {
    socket.destroy();
    if (!answer.headersSent) say(answer, status, status === 200 ? 'ready' : 'not ready');
  };
  socket.once('connect', () => respond(200));
  socket.once('error', () => respond(503));
  socket.once('timeout', () => respond(503));
}

/** Browsers say where a request comes from; a cookie alone says only who sends it. */
function isOfOwnPage({ headers, method }: IncomingMessage, host: string): boolean {
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${host}`) return false;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  // A link on another page may lead here: a GET changes nothing.
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

function headersFor({ headers }: IncomingMessage, login: UiLogin, port: number): IncomingHttpHeaders {
  const passed = Object.entries(headers).filter(([name]) => !ofConnection.includes(name) && name !== 'cookie');
  const cookie = login.without(headers.cookie);
  return {
    ...Object.fromEntries(passed),
    host: `127.0.0.1:${port}`,
    ...(headers.origin === undefined ? {} : { origin: `http://127.0.0.1:${port}` }),
    ...(cookie === undefined ? {} : { cookie }),
  };
}

function passOn(
  incoming: IncomingMessage,
  answer: ServerResponse,
  to: { host: string; port: number; headers: IncomingHttpHeaders },
): void {
  const further = request({ ...to, method: incoming.method, path: incoming.url }, (answered) => {
    const headers = Object.entries(answered.headers).filter(
      ([name]) => !ofConnection.includes(name) && !corsHeader.test(name) && !answer.hasHeader(name),
    );
    answer.writeHead(answered.statusCode ?? 502, { ...Object.fromEntries(headers) });
    pipeline(answered, answer, () => undefined);
  });
  further.on('error', () => {
    if (answer.headersSent) answer.destroy();
    else say(answer, 502, 'The Temporal server does not answer.');
  });
  answer.on('close', () => further.destroy());
  pipeline(incoming, further, () => undefined);
}

function namesTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.filter((name, place) => place % 2 === 0 && name.toLowerCase() === 'host').length !== 1;
}
