import type { Duplex } from 'node:stream';
import type { GatewayLimits } from '../context.js';
import { type GatewayRefusal, tooManyTunnels } from './refusals.js';

interface Tunnel {
  /** Who has it; null for somebody whom an edge does not name. */
  readonly client: string | null;
  /** Whether the token that it was asked for with is still right. */
  readonly isStillValid: () => boolean;
}

/**
 * Connections that are, or wait to become, WebSockets: so many in all and of one user or address, since each costs two sockets
 * for as long as its client likes. Each ends with the token it was asked for with.
 */
export class Tunnels {
  private readonly open = new Map<Duplex, Tunnel>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly limits: Pick<GatewayLimits, 'maxTunnels' | 'maxTunnelsPerClient'>) {}

  get size(): number {
    return this.open.size;
  }

  /** Takes in a client's connection until it closes; a refusal where there is no place for it. */
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

  private remove(socket: Duplex, who: string | null): void {
    this.open.delete(socket);
    if (who === null) return;
    const count = (this.counts.get(who) ?? 1) - 1;
    if (count > 0) this.counts.set(who, count);
    else this.counts.delete(who);
  }
}
