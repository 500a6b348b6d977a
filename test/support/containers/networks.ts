import type { ComposeFile } from '../compose/compose-file.js';
import type { Attachment } from './host.js';

/**
 * Addresses of the containers of a file, network by network. A container has a route into its own networks alone, and
 * resolves the names of the services there, as with Docker.
 */
export class Networks {
  private readonly numbers: ReadonlyMap<string, number>;
  private readonly places: ReadonlyMap<string, number>;

  constructor(private readonly file: ComposeFile) {
    this.numbers = new Map(Object.keys(file.networks).map((network, place) => [network, 18 + place]));
    this.places = new Map(Object.keys(file.services).map((name, place) => [name, place + 1]));
  }

  /** The address of the host on the bridge of each network. */
  get bridges(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.numbers.values()].map((number) => [bridgeOf(number), `172.${number}.0.1`]));
  }

  /** Where the container of a service is; ports of the host lead to the first. */
  of(service: string): readonly Attachment[] {
    return this.attachments(service, `1.${this.places.get(service)}`);
  }

  /** Where a container of `docker compose run` is. */
  ofOneOff(service: string, count: number): readonly Attachment[] {
    return this.attachments(service, `2.${count}`);
  }

  /** The names that a container of the service resolves, each to one address. */
  hostsFile(service: string): string {
    const own = this.of(service).map(({ bridge }) => bridge);
    const lines = Object.keys(this.file.services).flatMap((name) => {
      const shared = this.of(name).find(({ bridge }) => own.includes(bridge));
      return shared === undefined ? [] : [`${shared.address} ${name}\n`];
    });
    return `127.0.0.1 localhost\n${lines.join('')}`;
  }

  private attachments(service: string, end: string): readonly Attachment[] {
    return (this.file.services[service]?.networks ?? []).map((network) => {
      const number = this.numbers.get(network);
      if (number === undefined) throw new Error(`there is no network ${network}`);
      return { bridge: bridgeOf(number), address: `172.${number}.${end}` };
    });
  }
}

/** Not the name of the network: the kernel takes 15 characters. */
function bridgeOf(number: number): string {
  return `bridge${number}`;
}
