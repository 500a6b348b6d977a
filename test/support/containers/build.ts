import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packageRoot } from '../../../src/base/package-root.js';
import { type Image, makeBaseImage, userNamed } from './base-image.js';
import { parseDockerfile, type Stage } from './dockerfile.js';
import { copyTree } from './files.js';
import type { Bind, ContainerHost } from './host.js';

const project = packageRoot();

/** Builds stages of the project's Dockerfile by its own steps, each stage once. */
export class Builder {
  private readonly stages: readonly Stage[];
  private readonly included: readonly string[];
  private readonly built = new Map<string, Promise<Image>>();

  constructor(
    private readonly host: ContainerHost,
    dockerfile: string,
    private readonly given: Readonly<Record<string, string>>,
  ) {
    this.stages = parseDockerfile(readFileSync(join(project, dockerfile), 'utf8'));
    const [everything, ...others] = readFileSync(join(project, `${dockerfile}.dockerignore`), 'utf8')
      .trim()
      .split('\n');
    if (everything !== '*' || others.some((line) => !line.startsWith('!')))
      throw new Error('a .dockerignore that lists what is in');
    this.included = others.map((line) => line.slice(1));
  }

  image(name: string): Promise<Image> {
    const building = this.built.get(name) ?? this.build(name);
    this.built.set(name, building);
    return building;
  }

  private async build(name: string): Promise<Image> {
    const stage = this.stages.find((one) => one.name === name);
    if (stage === undefined) throw new Error(`the Dockerfile has no stage ${name}`);
    const root = join(this.host.folder, 'images', name);
    let image = await this.begin(stage, root);
    for (const { word, rest } of stage.instructions) {
      const path = image.folder;
      if (word === 'WORKDIR') {
        mkdirSync(join(root, rest), { recursive: true, mode: 0o755 });
        image = { ...image, folder: rest };
      } else if (word === 'COPY') image = { ...image, binds: [...image.binds, ...(await this.copy(rest, root, path))] };
      else if (word === 'RUN') image = await this.run(rest, image);
      else if (word === 'ARG') image = { ...image, arguments: { ...image.arguments, ...this.argument(rest) } };
      else if (word === 'ENV') image = { ...image, environment: { ...image.environment, ...pairs(rest) } };
      else if (word === 'USER') image = { ...image, user: rest };
      else if (word === 'ENTRYPOINT') image = { ...image, entrypoint: JSON.parse(rest), command: [] };
      else if (word === 'CMD') image = { ...image, command: JSON.parse(rest) };
      else throw new Error(`a step that these tests cannot do: ${word} ${rest}`);
    }
    return image;
  }

  /** A value that is given to the build, else that of the file. */
  private argument(rest: string): Readonly<Record<string, string>> {
    const [, name = '', value = ''] = /^(\w+)="?([^"]*)"?$/.exec(rest) ?? [];
    return { [name]: this.given[name] ?? value };
  }

  private async begin(stage: Stage, root: string): Promise<Image> {
    if (/^node:\d+-bookworm-slim$/.test(stage.from)) return makeBaseImage(root, 'node');
    const from = await this.image(stage.from);
    copyTree(from.root, root, 'link');
    return { ...from, root, arguments: {} };
  }

  /** Files are copied; a folder of an earlier stage is bound read-only instead, which its containers see no difference in. */
  private async copy(rest: string, root: string, folder: string): Promise<readonly Bind[]> {
    const [, stage, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(rest) ?? [];
    const parts = paths.split(' ');
    const target = parts.at(-1) ?? '';
    const from = stage === undefined ? project : (await this.image(stage)).root;
    return parts.slice(0, -1).flatMap((part) => {
      if (stage === undefined && !this.included.some((path) => part === path || part.startsWith(`${path}/`)))
        throw new Error(`${part} is not in the context of the build`);
      const source = join(from, part);
      const to = target.endsWith('/') ? join(folder, target, basename(part)) : join(folder, target);
      if (stage !== undefined && statSync(source).isDirectory()) {
        mkdirSync(join(root, to), { recursive: true, mode: 0o755 });
        return [{ source, target: to, readOnly: true }];
      }
      copyTree(source, join(root, to), stage === undefined ? 'copy-closed' : 'link');
      return [];
    });
  }

  private async run(command: string, image: Image): Promise<Image> {
    const install = /^npm install --no-save --ignore-scripts( --omit=dev)? --loglevel=error$/.exec(command);
    if (install !== null) return this.install(image, install[1] !== undefined);
    const { said } = this.host.run({
      ...image,
      ...userNamed(image.user),
      name: `build-${image.root.split('/').at(-1)}`,
      networks: [],
      environment: { ...image.environment, ...image.arguments },
      command: ['/bin/sh', '-c', command],
      tmpfs: [],
      readOnly: false,
      init: true,
    });
    const { code, stdout, stderr } = await said;
    if (code !== 0) throw new Error(`RUN ${command} ended with ${code}:\n${stdout}${stderr}`);
    return image;
  }

  /** The packages of this checkout, where they are those that the lock names. */
  private install(image: Image, omitDev: boolean): Image {
    const folder = join(image.root, image.folder);
    const lock = packagesOf(join(folder, 'package-lock.json'));
    const installed = packagesOf(join(project, 'node_modules/.package-lock.json'));
    for (const [path, entry] of Object.entries(lock)) {
      if (path === '' || (omitDev && entry.dev)) continue;
      const there = installed[path];
      if (there === undefined && entry.optional) continue;
      if (there?.version !== entry.version || there?.integrity !== entry.integrity)
        throw new Error(`${path} is not the package that package-lock.json names`);
      if (omitDev) copyTree(join(project, path), join(folder, path), 'link', (name) => name === 'node_modules');
    }
    if (omitDev) return image;
    mkdirSync(join(folder, 'node_modules'));
    const packages = {
      source: join(project, 'node_modules'),
      target: join(image.folder, 'node_modules'),
      readOnly: true,
    };
    return { ...image, binds: [...image.binds, packages] };
  }
}

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

function packagesOf(file: string): Readonly<Record<string, LockedPackage>> {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

function pairs(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(text.split(' ').map((pair) => pair.split('=')));
}
