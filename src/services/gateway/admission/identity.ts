import { BlockList, isIP, isIPv6, type Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { CubeIdentity, TokenVerifier } from '../../../auth/tokens.js';
import type { UserTokenVerifier } from '../../../auth/user-tokens.js';
import type { UserBytes } from '../../../domain/traffic/routing.js';
import { addressGroup } from '../../../http/rate-limit.js';
import { bytesOfHeader, bytesOfText } from '../../../traffic/bucket.js';
import { type GatewayRefusal, refusals } from '../exchange/refusals.js';
import type { RequestHeaders } from './request-headers.js';

export interface IdentityOptions {
  /** Networks from which `X-User-Id` is accepted. */
  readonly trustedEdges: readonly string[];
  readonly userTokens: Pick<UserTokenVerifier, 'verify'>;
  readonly cubeTokens: Pick<TokenVerifier, 'verify'>;
}

/** The caller of a request. A caller with a cube token is no user. */
export interface Caller {
  readonly user: UserBytes | null;
  readonly cube: CubeIdentity | null;
}

export type Identified = { readonly caller: Caller } | { readonly refused: GatewayRefusal };

const maxForwardedKept = 256;
const anonymous: Identified = { caller: { user: null, cube: null } };

/** The other end of a connection. */
export interface Peer {
  readonly address: string;
  readonly trusted: boolean;
  /** The key of its rate limit by address; null for an edge, which forwards for many clients. */
  readonly client: string | null;
  /** Whether the start of the next request is unknown, so that nothing more is accepted. */
  framingLost: boolean;
}

/**
 * Identifies the caller, by contract and TRAFFIC, "Limits and identity": the `sub` of a valid user token, else `X-User-Id` from
 * a trusted edge, else anonymous. An invalid bearer token is refused, never anonymous.
 */
export class Identities {
  private readonly edges = new BlockList();
  private readonly peers = new WeakMap<Socket, Peer>();
  private readonly clients = new LRUCache<string, { readonly group: string | null }>({ max: 10_000 });
  private readonly users = new LRUCache<string, Identified>({ max: 10_000 });

  constructor(private readonly options: IdentityOptions) {
    for (const network of options.trustedEdges) {
      const [address = '', bits] = network.split('/');
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      this.edges.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
    }
  }

  peerOf(socket: Socket): Peer {
    const known = this.peers.get(socket);
    if (known !== undefined) return known;
    const address = plainAddress(socket.remoteAddress ?? '');
    const trusted = this.isEdge(address);
    const peer = { address, trusted, client: trusted ? null : addressGroup(address), framingLost: false };
    this.peers.set(socket, peer);
    return peer;
  }

  /**
   * The client that an edge forwards for, by its `X-Forwarded-For`: the last address that is no edge itself, since the client may
   * have written those before it. Null without one, and for invalid addresses.
   */
  clientOf(forwardedFor: string): string | null {
    if (forwardedFor === '') return null;
    const known = this.clients.get(forwardedFor);
    if (known !== undefined) return known.group;
    const client = { group: this.readClient(forwardedFor) };
    if (forwardedFor.length <= maxForwardedKept) this.clients.set(forwardedFor, client);
    return client.group;
  }

  private readClient(forwardedFor: string): string | null {
    for (const one of forwardedFor.split(',').reverse()) {
      const address = plainAddress(withoutPort(one.trim()));
      if (isIP(address) === 0) return null;
      if (!this.isEdge(address)) return addressGroup(address);
    }
    return null;
  }

  private isEdge(address: string): boolean {
    return address !== '' && this.edges.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  identify(headers: RequestHeaders, trusted: boolean): Identified {
    if (headers.authorizations > 1) return { refused: refusals.authorizationTwice };
    if (trusted && headers.userIds > 1) return { refused: refusals.userTwice };
    if (headers.authorization !== undefined) return this.byBearer(headers.authorization);
    if (!trusted || headers.userIds === 0) return anonymous;
    return headers.userId === '' ? anonymous : { caller: { user: bytesOfHeader(headers.userId), cube: null } };
  }

  /** Whether the token would still be accepted; true without a token. */
  isStillValid(authorization: string | undefined): boolean {
    return authorization === undefined || !('refused' in this.byBearer(authorization));
  }

  private byBearer(authorization: string): Identified {
    const token = bearerOf(authorization);
    if (token === null) return { refused: refusals.token };
    try {
      return this.asUser(this.options.userTokens.verify(token).userId);
    } catch {
      // Not a user token: it may be a cube token.
    }
    try {
      return { caller: { user: null, cube: this.options.cubeTokens.verify(token) } };
    } catch {
      return { refused: refusals.token };
    }
  }

  /** The caller for a `sub`, cached. */
  private asUser(id: string): Identified {
    const known = this.users.get(id);
    if (known !== undefined) return known;
    const user = bytesOfText(id);
    const identified: Identified = isSendable(user)
      ? { caller: { user, cube: null } }
      : { refused: refusals.userUnsendable };
    this.users.set(id, identified);
    return identified;
  }
}

/** The token of `Bearer …`; null for anything else. */
function bearerOf(authorization: string): string | null {
  if (authorization.length < 8 || authorization.slice(0, 7).toLowerCase() !== 'bearer ') return null;
  const token = authorization.slice(7);
  return token.includes(' ') ? null : token;
}

/** A header cannot carry some ids, or changes them: `X-User-Id: alice ` arrives as `alice`. */
function isSendable(user: UserBytes): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it searches for
  return user !== '' && !/^[ \t]|[ \t]$|[\x00-\x08\x0a-\x1f\x7f]/.test(user);
}

/** Some edges write `203.0.113.7:50000`, and `[2001:db8::1]:50000`. */
function withoutPort(address: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}

/** An IPv4-mapped IPv6 address is an IPv4 address. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
