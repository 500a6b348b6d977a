import type { ComposeFile, Service } from './compose-file.js';

/**
 * What `docker compose config` and `up` refuse in a file that its schema allows: one sentence each. Only for what
 * docker-compose.yml uses: no `extends`, `include`, `links` or `configs`.
 */
export function brokenRules(file: ComposeFile): readonly string[] {
  const services = Object.entries(file.services);
  return [
    ...services.flatMap(([name, service]) => rulesOfService(file, name, service)),
    ...ports(services),
    ...cycles(file),
  ];
}

function rulesOfService(
  { services, networks, volumes }: ComposeFile,
  name: string,
  service: Service,
): readonly string[] {
  const undefinedVolumes = (service.volumes ?? [])
    .map((volume) => volume.split(':')[0] ?? '')
    .filter((source) => !/^[./]/.test(source) && !(source in volumes))
    .map((source) => `service "${name}" refers to undefined volume ${source}`);
  const undefinedNetworks = (service.networks ?? [])
    .filter((network) => !(network in networks))
    .map((network) => `service "${name}" refers to undefined network ${network}`);
  const dependencies = Object.entries(service.depends_on ?? {}).flatMap(([on, { condition, required }]) => {
    const other = services[on];
    if (other === undefined) return [`service "${name}" depends on undefined service "${on}"`];
    const isAlwaysThere = (other.profiles ?? []).every((profile) => service.profiles?.includes(profile));
    return [
      ...(required && !isAlwaysThere ? [`service "${name}" depends on "${on}", whose profile may be inactive`] : []),
      ...(condition === 'service_healthy' && other.healthcheck === undefined
        ? [`service "${name}" waits until "${on}" is healthy, which has no health check`]
        : []),
      ...(condition === 'service_completed_successfully' && other.restart === 'unless-stopped'
        ? [`service "${name}" waits until "${on}" has ended, which is started again`]
        : []),
    ];
  });
  return [...undefinedVolumes, ...undefinedNetworks, ...dependencies];
}

/** Two services cannot have one port of the host. */
function ports(services: readonly (readonly [string, Service])[]): readonly string[] {
  const published = services.flatMap(([, service]) =>
    (service.ports ?? []).map((port) => port.slice(0, port.lastIndexOf(':'))),
  );
  return published
    .filter((port, place) => published.indexOf(port) !== place)
    .map((port) => `port ${port} is published twice`);
}

function cycles({ services }: ComposeFile): readonly string[] {
  const visit = (name: string, path: readonly string[]): readonly string[] =>
    path.includes(name)
      ? [`dependency cycle detected: ${[...path, name].join(' -> ')}`]
      : Object.keys(services[name]?.depends_on ?? {}).flatMap((on) => visit(on, [...path, name]));
  return Object.keys(services).flatMap((name) => visit(name, []));
}
