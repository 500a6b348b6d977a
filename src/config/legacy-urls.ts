import { legacyUrlVariable, type TrafficName, trafficNames } from '../domain/cubes.js';
import type { Configuration } from './variables.js';

/** The URLs of the monolith's services by the name of their cube; a service that is not set is left out. */
export function legacyUrlsOf(
  config: Pick<Configuration, ReturnType<typeof legacyUrlVariable<TrafficName>>>,
): ReadonlyMap<TrafficName, string> {
  const urls = trafficNames.map((name) => [name, config[legacyUrlVariable(name)]] as const);
  return new Map(urls.filter(([, url]) => url !== ''));
}
