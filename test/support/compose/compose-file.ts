import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { interpolate, type Variables } from './interpolation.js';

export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

export interface Dependency {
  readonly condition: Condition;
  readonly required: boolean;
}

/** What these tests know of a service; the schema says what else it may have. */
export interface Service {
  readonly image: string;
  readonly build?: {
    readonly context: string;
    readonly dockerfile: string;
    readonly target: string;
    readonly args?: Readonly<Record<string, string>>;
  };
  readonly pull_policy?: string;
  readonly profiles?: readonly string[];
  readonly restart?: string;
  readonly init?: boolean;
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_signal?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, Dependency>>;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** The file as it is written, with anchors and merges resolved and nothing put in. */
export function parseComposeFile(path: string): unknown {
  return parse(readFileSync(path, 'utf8'), { merge: true, uniqueKeys: true });
}

/** The file with its variables put in, as `docker compose config` shows it. Throws `MissingVariable`. */
export function readComposeFile(path: string, variables: Variables): ComposeFile {
  const file = fill(parseComposeFile(path), variables) as ComposeFile;
  const services = Object.entries(file.services).map(([name, service]) => {
    const dependencies = Object.entries(service.depends_on ?? {});
    const depends_on = Object.fromEntries(
      dependencies.map(([on, how]) => [on, { ...how, required: how.required ?? true }]),
    );
    return [name, { ...service, depends_on }] as const;
  });
  return { ...file, services: Object.fromEntries(services) };
}

/** Keys are never filled. */
function fill(value: unknown, variables: Variables): unknown {
  if (typeof value === 'string') return interpolate(value, variables);
  if (Array.isArray(value)) return value.map((one) => fill(one, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fill(one, variables)]));
}

/** The services that `docker compose up` starts: those without a profile, and those of the profiles that are active. */
export function activeServices({ services }: ComposeFile, profiles: readonly string[]): ReadonlyMap<string, Service> {
  const isActive = ([, service]: readonly [string, Service]) =>
    service.profiles === undefined || service.profiles.some((profile) => profiles.includes(profile));
  return new Map(Object.entries(services).filter(isActive));
}
