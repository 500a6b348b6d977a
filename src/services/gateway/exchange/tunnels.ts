import type { Duplex } from 'node:stream';
import type { GatewayLimits } from '../context.js';
import { type GatewayRefusal, tooManyTunnels } from './refusals.js';

interface Tunnel {
  /** Who has it; null for somebody whom an edge does not name. */
  readonly who: string | null;
  /** Whether the token that it was asked for with is still right. */
  readonly isStillRight: () => boolean;
}

/**
 * Connections that are, or wait to become, WebSockets: so many in all and of one user or address, since each costs two sockets
 * for as long as its client likes. Each ends with the token it was asked for with.
 */
export class Tunnels {
  private readonly open = new Map<Duplex, Tunnel>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly limits: Pick<GatewayLimits, 'tunnels' | 'tunnelsPerClient'>) {}

  get size(): number {
    return this.open.size;
  }

  /** Takes in a client's connection until it closes; a refusal where there is no place for it. */
  enter(socket: Duplex, tunnel: Tunnel): GatewayRefusal | null {
    const { who } = tunnel;
    const { tunnels, tunnelsPerClient } = this.limits;
    if (tunnels > 0 && this.open.size >= tunnels) return tooManyTunnels.gateway;
    const count = who === null ? 0 : (this.counts.get(who) ?? 0);
    if (tunnelsPerClient > 0 && count >= tunnelsPerClient) return tooManyTunnels.one;
    this.open.set(socket, tunnel);
    if (who !== null) this.counts.set(who, count + 1);
    socket.once('close', () => this.leave(socket, who));
    return null;
  }

  /** Called a few times a second. */
  endThoseWithoutRight(): void {
    for (const [socket, { isStillRight }] of this.open) if (!isStillRight()) socket.destroy();
  }

  endAll(): void {
    for (const socket of this.open.keys()) socket.destroy();
  }

  private leave(socket: Duplex, who: string | null): void {
    this.open.delete(socket);
    if (who === null) return;
    const count = (this.counts.get(who) ?? 1) - 1;
    if (count > 0) this.counts.set(who, count);
    else this.counts.delete(who);
  }
}
