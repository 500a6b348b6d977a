import { callHeader, itemFailureHeader } from '../../../upstream/upstream.js';
import { removableHeaders, withoutHeaders } from '../admission/connection-header.js';
import { maxSpellingLength, maxSpellings } from '../admission/header-names.js';

/** Response headers that the gateway does not forward. */
const droppedResponseHeaders = new Set([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authenticate',
    'proxy-authentication-info',
    'te',
    'trailer',
  ],
  ...['transfer-encoding', 'upgrade', 'x-cube-target', 'x-cube-token', 'x-cube-source', 'http2-settings'],
  // In a cached response they belong to another request; the gateway adds its own request id, and no trace.
  'x-request-id',
  'traceparent',
]);

export interface ResponseHeaders {
  /** As name, value, name, value. */
  readonly forwarded: string[];
  readonly length: number | null;
  readonly isEventStream: boolean;
  /** The id of the call that it answers; empty without one. */
  readonly callId: string;
  /** Whether a failure is of what the request names alone. */
  readonly isOfItem: boolean;
}

type ResponseHeaderKind = 'pass' | 'drop' | 'connection' | 'content-length' | 'content-type' | 'call' | 'item_failure';

/** As `HeaderNames`, for the responses of upstreams. */
export class ResponseHeaderReader {
  private readonly known = new Map<string, ResponseHeaderKind>();

  /** Parses the headers of a response, names and values in turn. `bodiless` responses carry no length. */
  read(raw: readonly Buffer[], bodiless: boolean): ResponseHeaders {
    const forwarded: string[] = [];
    let length: number | null = null;
    let isEventStream = false;
    let connection = '';
    let callId = '';
    let isOfItem = false;
    for (let index = 0; index < raw.length; index += 2) {
      const name = raw[index]?.toString('latin1') ?? '';
      const value = raw[index + 1]?.toString('latin1') ?? '';
      const kind = this.kindOf(name);
      if (kind === 'drop') continue;
      if (kind === 'connection') {
        connection = value;
        continue;
      }
      if (kind === 'call') {
        callId = value;
        continue;
      }
      if (kind === 'item_failure') {
        isOfItem = true;
        continue;
      }
      if (kind === 'content-length') {
        if (bodiless) continue;
        length = Number(value);
      }
      if (kind === 'content-type') isEventStream = value.startsWith('text/event-stream');
      forwarded.push(name, value);
    }
    const named = connection === '' ? undefined : removableHeaders(connection);
    return {
      forwarded: named === undefined || named.size === 0 ? forwarded : withoutHeaders(forwarded, named),
      length,
      isEventStream,
      callId,
      isOfItem,
    };
  }

  private kindOf(name: string): ResponseHeaderKind {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const lower = name.toLowerCase();
    const kind = responseKindOf(lower);
    if (name.length <= maxSpellingLength && this.known.size < maxSpellings) this.known.set(name, kind);
    return kind;
  }
}

function responseKindOf(lower: string): ResponseHeaderKind {
  switch (lower) {
    case 'connection':
    case 'content-length':
    case 'content-type':
      return lower;
    case callHeader:
      return 'call';
    case itemFailureHeader:
      return 'item_failure';
    default:
      return droppedResponseHeaders.has(lower) ? 'drop' : 'pass';
  }
}
