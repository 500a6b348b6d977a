import { readFileSync } from 'node:fs';
import type { Configuration } from './config.js';

/** What every program that speaks to Temporal asks the environment for. */
export const temporalVariables = [
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_TLS',
  'TEMPORAL_API_KEY',
] as const satisfies readonly (keyof Configuration)[];

/** The server and how to speak to it, as the clients of Temporal's SDK take it. */
export interface TemporalTarget {
  readonly address: string;
  readonly tls?: true | { readonly serverRootCACertificate: Buffer };
  readonly apiKey?: string;
}

/** Over TLS when that is asked for, and always with an API key: it is a secret. */
export function temporalTarget(
  config: Pick<Configuration, 'TEMPORAL_ADDRESS' | 'TEMPORAL_TLS' | 'TEMPORAL_API_KEY'>,
): TemporalTarget {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_TLS: tls, TEMPORAL_API_KEY: apiKey } = config;
  const key = apiKey === '' ? {} : { apiKey };
  if (tls === 'off' && apiKey === '') return { address };
  if (tls === 'off' || tls === 'on') return { address, tls: true, ...key };
  return { address, tls: { serverRootCACertificate: readFileSync(tls) }, ...key };
}
