import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Why a server cannot be used: `reason` completes "… cannot be reached: ", `remedy` says what to do. */
export interface NetworkFault {
  readonly reason: string;
  readonly remedy: string;
}

/** A server, and the variable that names it. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly variable: string;
}

/**
 * How long a probe of the network may take, milliseconds: more than the second after which a lost first packet is sent
 * again, and less than the two after which a person should know.
 */
export const probeMillis = 1300;

/** How long a server that accepts connections may take to answer, milliseconds: one that is busy is none that is away. */
export const answerMillis = 4000;

/** Looks whether something listens at an address; undefined when it does. */
export async function probePort(address: ServerAddress, millis = probeMillis): Promise<NetworkFault | undefined> {
  const { host, port } = address;
  const deadline = Date.now() + millis;
  // A socket's path.
  if (host.startsWith('/')) return undefined;
  const isResolved = await Promise.race([
    lookup(host).then(
      () => true,
      () => false,
    ),
    sleep(millis, false, { ref: false }),
  ]);
  if (!isResolved) return connectFault('ENOTFOUND', address);
  // By its name: a name may have several addresses, of which one is enough.
  return connectFault(await connectCode(host, port, Math.max(100, deadline - Date.now())), address);
}

/** What a system's error code says of a connection; undefined for none, and for codes that say nothing of it. */
export function connectFault(code: string | undefined, address: ServerAddress): NetworkFault | undefined {
  const { host, port, variable } = address;
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        reason: `the host name ${host} cannot be resolved`,
        remedy: `Correct the host in ${variable}, or this machine's name server.`,
      };
    case 'ECONNREFUSED':
      return {
        reason: `nothing listens on port ${port} of ${host}`,
        remedy: `Start that server, or correct host and port in ${variable}.`,
      };
    case 'ETIMEDOUT':
      return {
        reason: `${host} does not answer on port ${port}`,
        remedy: `Correct host and port in ${variable}, or let this machine through the firewall in between.`,
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
    case 'EPERM':
      return {
        reason: `there is no way from this machine to ${host} (${code})`,
        remedy: `Correct the host in ${variable}, or the network in between.`,
      };
    case 'ENOENT':
      return {
        reason: `there is no socket in ${host}`,
        remedy: `Start that server, or correct the host in ${variable}.`,
      };
    default:
      return undefined;
  }
}

function connectCode(host: string, port: number, millis: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => answer('ETIMEDOUT'), millis);
    const answer = (code: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(code);
    };
    socket.once('connect', () => answer(undefined));
    socket.once('error', (error: Error) => answer(codeOf(error) || 'ETIMEDOUT'));
  });
}

/** How a server's certificate is named to the program that checks it. */
export interface TlsSettings extends ServerAddress {
  /** What to write to name the authority that signed the certificate, as in `TEMPORAL_TLS_CA=FILE`. */
  readonly nameAuthority: string;
  /** What to write to show a certificate of one's own. */
  readonly nameCertificate: string;
  /** What to write to speak without TLS. */
  readonly withoutTls: string;
}

/** What an error of a TLS handshake says; undefined for an error that is none. */
export function tlsFault(error: unknown, settings: TlsSettings): NetworkFault | undefined {
  const { host, nameAuthority, nameCertificate, withoutTls } = settings;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  if (unknownAuthority.has(code))
    return {
      reason: `its TLS certificate is signed by an authority that this machine does not know (${code})`,
      remedy: `Name that authority's PEM file: ${nameAuthority}.`,
    };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      reason: `its TLS certificate is not made for the name ${host}`,
      remedy: `Use in ${settings.variable} a host name that the certificate has.`,
    };
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return {
      reason: `its TLS certificate is ${code === 'CERT_HAS_EXPIRED' ? 'no longer' : 'not yet'} valid`,
      remedy: 'Give the server a valid certificate, or set the clock of this machine.',
    };
  if (
    /CERTIFICATE_REQUIRED|certificate required|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|bad certificate/i.test(
      `${code} ${message}`,
    )
  )
    return {
      reason: 'it refuses this program without a TLS certificate that it knows',
      remedy: `Name a certificate that the server accepts: ${nameCertificate}.`,
    };
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|does not support SSL|wrong version number/i.test(`${code} ${message}`)
  )
    return { reason: 'it does not speak TLS', remedy: `Turn TLS on at the server, or off here: ${withoutTls}.` };
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO')
    return {
      reason: `no TLS connection comes about (${code})`,
      remedy: `See that both sides allow the same version of TLS, and that ${nameAuthority} is right.`,
    };
  return undefined;
}

const unknownAuthority = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
]);

/** The code of an error of Node's, or of the first of several addresses that were tried. */
export function codeOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error && 'code' in first && typeof first.code === 'string' ? first.code : '';
}
