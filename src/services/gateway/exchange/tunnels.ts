import type { Duplex } from 'node:stream';
import type { GatewayLimits } from '../context.js';
import { type GatewayRefusal, tooManyTunnels } from './refusals.js';

interface Tunnel {
  /** The user or address; null where an edge does not name the client. */
  readonly client: string | null;
  /** Whether the token of its request is still valid. */
  readonly isStillValid: () => boolean;
}

/**
 * Connections that are, or wait to become, WebSockets. Limited in all and per user or address, since each occupies two sockets
 * for as long as its client wants. Each ends with the validity of its token.
 */
export class Tunnels {
  private readonly open = new Map<Duplex, Tunnel>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly limits: Pick<GatewayLimits, 'maxTunnels' | 'maxTunnelsPerClient'>) {}

  get size(): number {
    return this.open.size;
  }

  /** Adds a client's connection until it closes; a refusal where a limit is reached. */
  add(socket: Duplex, tunnel: Tunnel): GatewayRefusal | null {
    const { client } = tunnel;
    const { maxTunnels, maxTunnelsPerClient } = this.limits;
    if (maxTunnels > 0 && this.open.size >= maxTunnels) return tooManyTunnels.gateway;
    const count = client === null ? 0 : (this.counts.get(client) ?? 0);
    if (maxTunnelsPerClient > 0 && count >= maxTunnelsPerClient) return tooManyTunnels.one;
    this.open.set(socket, tunnel);
    if (client !== null) this.counts.set(client, count + 1);
    socket.once('close', () => this.remove(socket, client));
    return null;
  }

  /** Called a few times a second. */
  closeInvalid(): void {
    for (const [socket, { isStillValid }] of this.open) if (!isStillValid()) socket.destroy();
  }

  closeAll(): void {
    for (const socket of this.open.keys()) socket.destroy();
  }

  private remove(socket: Duplex, client: string | null): void {
    this.open.delete(socket);
    if (client === null) return;
    const count = (this.counts.get(client) ?? 1) - 1;
    if (count > 0) this.counts.set(client, count);
    else this.counts.delete(client);
  }
}
