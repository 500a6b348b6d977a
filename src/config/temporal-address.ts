import { readFileSync } from 'node:fs';
import type { Configuration } from './variables.js';

/** What every program that connects to Temporal reads from the environment. */
export const temporalVariables = [
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_TLS',
  'TEMPORAL_TLS_CA',
  'TEMPORAL_TLS_CERT',
  'TEMPORAL_TLS_KEY',
  'TEMPORAL_API_KEY',
] as const satisfies readonly (keyof Configuration)[];

/** The server and how to speak to it, as the clients of Temporal's SDK take it. */
export interface TemporalTarget {
  readonly address: string;
  readonly tls?:
    | true
    | {
        readonly serverRootCACertificate?: Buffer;
        readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
      };
  readonly apiKey?: string;
}

/**
 * Over TLS when that is set or a file for it is named, and always with an API key: it is a secret.
 */
export function temporalTarget(
  config: Pick<Configuration, Exclude<(typeof temporalVariables)[number], 'TEMPORAL_NAMESPACE'>>,
): TemporalTarget {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_TLS: tls, TEMPORAL_API_KEY: apiKey } = config;
  const { TEMPORAL_TLS_CERT: certificate, TEMPORAL_TLS_KEY: key } = config;
  const authority = config.TEMPORAL_TLS_CA || (tls === 'on' || tls === 'off' ? '' : tls);
  const files = {
    ...(authority === '' ? {} : { serverRootCACertificate: readFileSync(authority) }),
    ...(certificate === '' ? {} : { clientCertPair: { crt: readFileSync(certificate), key: readFileSync(key) } }),
  };
  const withKey = apiKey === '' ? {} : { apiKey };
  if (Object.keys(files).length > 0) return { address, tls: files, ...withKey };
  if (tls === 'off' && apiKey === '') return { address };
  return { address, tls: true, ...withKey };
}
