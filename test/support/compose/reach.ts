import type { ComposeFile } from './compose-file.js';

/** Services that listen for others: those that a variable of a service names, and those that the host has a port of. */
function listeners(file: ComposeFile): readonly string[] {
  const names = Object.keys(file.services);
  const needed = names.flatMap((name) => needsOf(file, name));
  return names.filter((name) => needed.includes(name) || file.services[name]?.ports !== undefined);
}

/** Listening services that share a network with this one. */
export function reachOf(file: ComposeFile, name: string): readonly string[] {
  const networks = file.services[name]?.networks ?? [];
  return listeners(file).filter(
    (other) => other !== name && file.services[other]?.networks?.some((network) => networks.includes(network)),
  );
}

/**
 * Services that this one calls: those that its variables name, and, where it knows Redis, each cube that registers itself
 * there.
 */
export function needsOf({ services }: ComposeFile, name: string): readonly string[] {
  const environment = services[name]?.environment ?? {};
  const named = Object.entries(environment).flatMap(([variable, value]) =>
    /_(URL|ADDRESS|SEEDS)$/.test(variable) ? [hostOf(value)] : [],
  );
  const knowsRegistry = environment.REDIS_URL !== undefined;
  return Object.entries(services).flatMap(([other, { environment: own }]) => {
    const isCalled = named.includes(other) || (knowsRegistry && own?.CUBE_URL !== undefined);
    return isCalled && other !== name ? [other] : [];
  });
}

function hostOf(address: string): string {
  return URL.canParse(address) && address.includes('://') ? new URL(address).hostname : (address.split(':')[0] ?? '');
}
