import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';

interface Target {
  readonly network: BlockList;
  readonly port: number | undefined;
}

/**
 * The networks of CRAWLER_ALLOWED_TARGETS, each with or without a port: `127.77.0.1/32:8081,[fd00::]/8`. The stand-in connects to these
 * alone, however a URL is written or a name resolved, since it crawls on the machine of whoever tries the program out.
 */
export class AllowedTargets {
  private readonly targets: readonly Target[];

  constructor(text: string) {
    this.targets = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(readTarget);
  }

  allows(address: string, port: number): boolean {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return this.targets.some((target) => (target.port ?? port) === port && target.network.check(address, family));
  }

  /** Connects to the address that was looked at, so that a name cannot resolve to another one in between. */
  agent(): Agent {
    const connectTo = buildConnector({ timeout: 10_000 });
    return new Agent({
      connect: (options, callback) => {
        const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
        this.addressOf(options.hostname, port).then(
          (hostname) => connectTo({ ...options, hostname }, callback),
          (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
        );
      },
    });
  }

  private async addressOf(hostname: string, port: number): Promise<string> {
    const addresses = isIP(hostname) === 0 ? await lookup(hostname, { all: true }) : [{ address: hostname }];
    const allowed = addresses.find(({ address }) => this.allows(address, port));
    if (allowed === undefined) throw new Error('CRAWLER_ALLOWED_TARGETS has no such address and port.');
    return allowed.address;
  }
}

function readTarget(text: string): Target {
  const match = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?:\/(\d{1,3}))?(?::(\d{1,5}))?$/i.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  const version = isIP(address);
  if (match === null || version === 0)
    throw new Error(`CRAWLER_ALLOWED_TARGETS cannot be read at ${JSON.stringify(text)}.`);
  const network = new BlockList();
  network.addSubnet(address, Number(match[3] ?? (version === 6 ? 128 : 32)), version === 6 ? 'ipv6' : 'ipv4');
  return { network, port: match[4] === undefined ? undefined : Number(match[4]) };
}
