import { type TrafficName, trafficNames } from '../domain/cubes.js';
import type { Configuration, VariableName } from './variables.js';

const legacyUrlOf = {
  saju: 'LEGACY_SAJU_URL',
  ai: 'LEGACY_AI_URL',
  paperwork: 'LEGACY_PAPERWORK_URL',
  crawler: 'LEGACY_CRAWLER_URL',
} as const satisfies Readonly<Record<TrafficName, VariableName>>;

/** The URLs of the monolith's services by the name of their cube; a service that is not set is left out. */
export function legacyUrlsOf(
  config: Pick<Configuration, (typeof legacyUrlOf)[TrafficName]>,
): ReadonlyMap<TrafficName, string> {
  const urls = trafficNames.map((name) => [name, config[legacyUrlOf[name]]] as const);
  return new Map(urls.filter(([, url]) => url !== ''));
}
