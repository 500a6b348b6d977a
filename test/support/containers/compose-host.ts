import { existsSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../../src/base/package-root.js';
import type { Said } from '../command-line.js';
import { activeServices, type ComposeFile, readComposeFile, type Service } from '../compose/compose-file.js';
import type { Variables } from '../compose/interpolation.js';
import { type Image, userNamed } from './base-image.js';
import { Builder } from './build.js';
import { give, writeInto } from './files.js';
import { type Attachment, type Bind, ContainerHost, type Started } from './host.js';
import { Networks } from './networks.js';
import { makeServerImage } from './server-images.js';

const betweenChecksMillis = 600;
const healthMillis = 120_000;

/**
 * What `docker compose` does with the project's file, without Docker: builds the images, starts services as their
 * dependencies allow, runs commands in new containers and in those that run. Commands, variables, users, volumes,
 * networks and ports are those of the file; health checks are repeated faster than it says.
 */
export class ComposeHost {
  private readonly images = new Map<string, Promise<Image | null>>();
  private readonly running = new Map<string, Started>();
  private readonly builders = new Map<string, Builder>();
  private readonly ready = new Map<string, Promise<void>>();
  private readonly published = new Set<string>();
  private oneOff = 0;

  private constructor(
    private readonly host: ContainerHost,
    private readonly networks: Networks,
    readonly file: ComposeFile,
    private readonly profiles: readonly string[],
    private readonly checkout: string,
  ) {}

  /** `checkout` has the files that are mounted into containers. */
  static async start(variables: Variables, checkout: string): Promise<ComposeHost> {
    const file = readComposeFile(join(packageRoot(), 'docker-compose.yml'), variables);
    const profiles = (variables.COMPOSE_PROFILES ?? '').split(',');
    const networks = new Networks(file);
    return new ComposeHost(await ContainerHost.start(networks.bridges), networks, file, profiles, checkout);
  }

  /** `docker compose up --detach --wait`: returns when everything is healthy, or has ended as it should. */
  async up(): Promise<void> {
    await Promise.all([...activeServices(this.file, this.profiles).keys()].map((name) => this.bring(name)));
  }

  /** `docker compose run --rm SERVICE …`: brings up what the service waits for; the words take the place of its command. */
  async run(name: string, ...words: readonly string[]): Promise<Said> {
    const service = this.service(name);
    const image = await this.imageOf(name);
    if (image === null) throw new Error(`${name} has no image here`);
    await this.bringDependencies(service);
    const oneOff = `${name}-run-${++this.oneOff}`;
    const command = words.length === 0 ? undefined : words;
    return this.startContainer(oneOff, name, image, command, this.networks.ofOneOff(name, this.oneOff)).said;
  }

  /** `docker compose exec SERVICE …`. */
  async exec(name: string, ...command: readonly string[]): Promise<Said> {
    const image = await this.imageOf(name);
    if (image === null) throw new Error(`${name} has no image here`);
    return this.host.runInside(name, this.processOf(name, this.service(name), image, command)).said;
  }

  /** A command on the host itself, which reaches published ports on its loopback address. */
  onHost(
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    folder = packageRoot(),
  ): Promise<Said> {
    return this.host.runOutside({ command, environment, folder, uid: 0, gid: 0 }).said;
  }

  /** Where the roots of images are. */
  get imagesFolder(): string {
    return join(this.host.folder, 'images');
  }

  /** The addresses of a service, one in each of its networks. */
  addressesOf(name: string): readonly string[] {
    return this.networks.of(name).map(({ address }) => address);
  }

  /** What a service wrote: `docker compose logs`. */
  logs(name: string): string {
    return this.running.get(name)?.output() ?? '';
  }

  /** `docker compose stop`: ends each service after those that depend on it. Returns the exit codes by service. */
  async down(): Promise<Readonly<Record<string, number | null>>> {
    const ending = new Map<string, Promise<number | null>>();
    const end = (name: string): Promise<number | null> => {
      const dependents = [...this.running.keys()].filter((other) => name in (this.service(other).depends_on ?? {}));
      const ended = ending.get(name) ?? Promise.all(dependents.map(end)).then(() => this.end(name));
      ending.set(name, ended);
      return ended;
    };
    const codes = await Promise.all([...this.running.keys()].map(async (name) => [name, await end(name)] as const));
    this.running.clear();
    this.ready.clear();
    return Object.fromEntries(codes);
  }

  private async end(name: string): Promise<number | null> {
    this.host.signal(
      name,
      this.service(name).stop_signal === 'SIGINT' ? constants.signals.SIGINT : constants.signals.SIGTERM,
    );
    return (await this.running.get(name)?.said)?.code ?? null;
  }

  stop(): Promise<void> {
    return this.host.stop();
  }

  private bring(name: string): Promise<void> {
    const bringing = this.ready.get(name) ?? this.bringOnce(name);
    this.ready.set(name, bringing);
    return bringing;
  }

  private async bringDependencies(service: Service): Promise<void> {
    const active = activeServices(this.file, this.profiles);
    const dependencies = Object.entries(service.depends_on ?? {});
    const waitedFor = dependencies.filter(([name, { required }]) => required || active.has(name));
    await Promise.all(waitedFor.map(([name]) => this.bring(name)));
  }

  private async bringOnce(name: string): Promise<void> {
    const service = this.service(name);
    const image = this.imageOf(name);
    await this.bringDependencies(service);
    const built = await image;
    if (built === null) return;
    const networks = this.networks.of(name);
    const started = this.startContainer(name, name, built, undefined, networks);
    this.running.set(name, started);
    // Ports lead to an address, whichever container has it.
    const address = networks[0]?.address ?? '';
    if (!this.published.has(name)) this.host.publish((service.ports ?? []).map((port) => published(port, address)));
    this.published.add(name);
    await this.untilReady(name, service, started);
  }

  private async untilReady(name: string, service: Service, started: Started): Promise<void> {
    const ended = started.said.then(({ code, stdout, stderr }) => {
      if (code !== 0 || service.restart === 'unless-stopped')
        throw new Error(`${name} ended with ${code}:\n${stdout}${stderr}`);
    });
    const [kind, ...test] = service.healthcheck?.test ?? [];
    if (kind === undefined) return ended;
    ended.catch(() => undefined);
    const command = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...test] : test;
    await Promise.race([this.untilHealthy(name, command), ended]);
  }

  /** A check is a program that starts: more of them at a time take the processor from what they wait for. */
  private async untilHealthy(name: string, command: readonly string[]): Promise<void> {
    const start = performance.now();
    do {
      if (performance.now() - start > healthMillis) throw new Error(`${name} is not healthy:\n${this.logs(name)}`);
      await sleep(betweenChecksMillis);
    } while ((await this.exec(name, ...command)).code !== 0);
  }

  private startContainer(
    name: string,
    serviceName: string,
    image: Image,
    words: readonly string[] | undefined,
    networks: readonly Attachment[],
  ): Started {
    const service = this.service(serviceName);
    const command = words ?? service.command ?? (service.entrypoint === undefined ? image.command : []);
    const entrypoint = service.entrypoint ?? image.entrypoint;
    return this.host.run({
      ...this.processOf(name, service, image, [...entrypoint, ...command]),
      name,
      networks,
      root: image.root,
      binds: [
        ...image.binds,
        this.namesFor(serviceName),
        ...(service.volumes ?? []).map((volume) => this.bindOf(volume, image)),
      ],
      tmpfs: service.tmpfs ?? [],
      readOnly: service.read_only ?? false,
      init: service.init ?? false,
    });
  }

  private processOf(name: string, service: Service, image: Image, command: readonly string[]) {
    return {
      ...userNamed(service.user ?? image.user),
      command,
      environment: { ...image.environment, HOSTNAME: name, ...stringsOf(service.environment ?? {}) },
      folder: image.folder,
      dropsCapabilities: service.cap_drop?.includes('ALL') ?? false,
      noNewPrivileges: service.security_opt?.includes('no-new-privileges:true') ?? false,
    };
  }

  /** Names that Docker's own name server would answer to a container of the service. */
  private namesFor(name: string): Bind {
    writeInto(this.host.folder, `hosts/${name}`, this.networks.hostsFile(name));
    return { source: join(this.host.folder, 'hosts', name), target: '/etc/hosts', readOnly: true };
  }

  /** A named volume begins as its folder of the image is; a path is the file of the checkout. */
  private bindOf(volume: string, image: Image): Bind {
    const [source = '', target = '', mode] = volume.split(':');
    const inImage = join(image.root, target);
    if (/^[./]/.test(source)) {
      const file = resolve(this.checkout, source);
      if (!existsSync(inImage))
        statSync(file).isDirectory() ? mkdirSync(inImage, { recursive: true }) : writeFileSync(inImage, '');
      return { source: file, target, readOnly: mode === 'ro' };
    }
    const folder = join(this.host.folder, 'volumes', source);
    if (!existsSync(folder)) {
      if (!existsSync(inImage) || readdirSync(inImage).length > 0)
        throw new Error(`${target} is no empty folder of the image`);
      const { mode: rights, uid, gid } = lstatSync(inImage);
      mkdirSync(folder, { recursive: true, mode: rights & 0o777 });
      give(folder, { uid, gid });
    }
    return { source: folder, target, readOnly: mode === 'ro' };
  }

  private imageOf(name: string): Promise<Image | null> {
    const { image } = this.service(name);
    const build = Object.values(this.file.services).find((other) => other.image === image && other.build)?.build;
    // Other people's programs write into their roots: each service has one of its own.
    const key = build === undefined ? name : image;
    const making = this.images.get(key) ?? this.makeImage(image, build, join(this.host.folder, 'images', name));
    this.images.set(key, making);
    return making;
  }

  private makeImage(image: string, build: Service['build'], root: string): Promise<Image | null> {
    if (build === undefined) return makeServerImage(image, root);
    const { dockerfile, args = {} } = build;
    const key = JSON.stringify([dockerfile, args]);
    const builder = this.builders.get(key) ?? new Builder(this.host, dockerfile, args);
    this.builders.set(key, builder);
    return builder.image(build.target);
  }

  private service(name: string): Service {
    const service = this.file.services[name];
    if (service === undefined) throw new Error(`there is no service ${name}`);
    return service;
  }
}

function published(port: string, address: string): readonly [string, number, string, number] {
  const [host = '', outer, inner] = port.split(':');
  return [host, Number(outer), address, Number(inner)];
}

function stringsOf(environment: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));
}
