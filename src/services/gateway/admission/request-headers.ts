import { removableHeaders, withoutHeaders } from './connection-header.js';
import type { HeaderNames } from './header-names.js';

/** The parsed headers of a request, and the forwarded ones as name, value, name, value; names in lower case. */
export class RequestHeaders {
  readonly forwarded: string[] = [];
  /** Those that are forwarded if the route declares them. */
  readonly declared: string[] = [];
  hosts = 0;
  host = '';
  authorization: string | undefined;
  authorizations = 0;
  userId = '';
  userIds = 0;
  synthetic = false;
  forwardedFor = '';
  forwardedProto = '';
  requestId = '';
  traceparent: string | undefined;
  tracestate = '';
  connection = '';
  upgrade: string | undefined;
  expects = false;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  bytes = 0;

  constructor(raw: readonly string[], names: HeaderNames) {
    for (let index = 0; index < raw.length; index += 2) {
      const spelling = raw[index] ?? '';
      const value = raw[index + 1] ?? '';
      this.bytes += spelling.length + value.length + 4;
      const { kind, name } = names.ruleOf(spelling);
      switch (kind) {
        case 'pass':
          this.forwarded.push(name, value);
          break;
        case 'declared':
          this.declared.push(name, value);
          break;
        case 'host':
          this.hosts++;
          this.host = value;
          break;
        case 'authorization':
          this.authorizations++;
          this.authorization = value;
          break;
        case 'user-id':
          this.userIds++;
          this.userId = value;
          break;
        case 'synthetic':
          this.synthetic = value === '1';
          break;
        case 'forwarded-for':
          this.forwardedFor = this.forwardedFor === '' ? value : `${this.forwardedFor}, ${value}`;
          break;
        case 'forwarded-proto':
          this.forwardedProto = value;
          break;
        case 'request-id':
          this.requestId = value;
          break;
        case 'traceparent':
          // Two are ambiguous: neither is used.
          this.traceparent = this.traceparent === undefined ? value : '';
          break;
        case 'tracestate':
          this.tracestate = this.tracestate === '' ? value : `${this.tracestate},${value}`;
          break;
        case 'connection':
          this.connection = this.connection === '' ? value : `${this.connection}, ${value}`;
          break;
        case 'upgrade':
          this.upgrade = value;
          break;
        case 'expect':
          this.expects = true;
          break;
        case 'content-length':
          this.contentLength = value;
          break;
        case 'transfer-encoding':
          this.transferEncoding = this.transferEncoding === undefined ? value : `${this.transferEncoding}, ${value}`;
          break;
        case 'drop':
          break;
      }
    }
    if (this.connection !== '') this.dropNamed();
  }

  /** `Connection` may name further headers to drop, except those that frame or identify the request. */
  private dropNamed(): void {
    const named = removableHeaders(this.connection);
    if (named.size === 0) return;
    for (const headers of [this.forwarded, this.declared])
      headers.splice(0, Infinity, ...withoutHeaders(headers, named));
  }

  /** Adds the headers that a route declares to the forwarded ones. */
  forwardDeclared(declaredByRoute: ReadonlySet<string>): void {
    for (let index = 0; index < this.declared.length; index += 2) {
      const name = this.declared[index] ?? '';
      if (declaredByRoute.has(name)) this.forwarded.push(name, this.declared[index + 1] ?? '');
    }
  }
}
