import { connect as connectTls } from 'node:tls';
import { Connection } from '@temporalio/client';
import { Failure, type FailureType } from '../base/failures.js';
import { answerMillis, codeOf, type NetworkFault, probePort, tlsFault } from '../base/network.js';
import type { TemporalTarget } from '../config/temporal-address.js';

const variable = 'TEMPORAL_ADDRESS';
/** Most servers answer sooner. */
const soonMillis = 400;
/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
const statusCodes = { notFound: 5, permissionDenied: 7, unauthenticated: 16 } as const;

/**
 * Throws why the programs cannot use a Temporal server, in one sentence with its remedy: the network, within two seconds,
 * TLS, the API key, the namespace.
 */
export async function inspectTemporal(target: TemporalTarget, namespace: string): Promise<void> {
  const { host, port } = hostAndPort(target.address);
  const address = { host, port, variable };
  const fault =
    (await probePort(address)) ?? (target.tls === undefined ? undefined : await handshakeFault(target, answerMillis));
  if (fault !== undefined) throw unreachable(target, fault);
  // The library would try again for as long as there is time, and beyond.
  const connection = Connection.lazy({ ...target, interceptors: [] });
  try {
    await connection.withDeadline(Date.now() + answerMillis, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    throw await explain(target, namespace, error);
  } finally {
    void connection.close().catch(() => undefined);
  }
}

async function explain(target: TemporalTarget, namespace: string, error: unknown): Promise<Failure> {
  const failed = (type: FailureType, sentence: string, hint: string) =>
    new Failure(type, sentence, { hint, cause: error });
  const status = error instanceof Error && 'code' in error ? error.code : undefined;
  if (status === statusCodes.notFound)
    return failed(
      'configuration_invalid',
      `The Temporal server at ${target.address} has no namespace ${namespace}.`,
      `Correct TEMPORAL_NAMESPACE, or make it: temporal operator namespace create --namespace ${namespace} --address ${target.address}`,
    );
  if (status === statusCodes.unauthenticated || status === statusCodes.permissionDenied)
    return failed(
      'configuration_invalid',
      target.apiKey === undefined
        ? `The Temporal server at ${target.address} wants an API key, and TEMPORAL_API_KEY is not set.`
        : `The Temporal server at ${target.address} refuses the key in TEMPORAL_API_KEY for namespace ${namespace}.`,
      `Set TEMPORAL_API_KEY to a key that holds for namespace ${namespace}.`,
    );
  // A server that speaks TLS hangs up on who does not.
  if (target.tls === undefined && (await speaksTls(target, soonMillis)))
    return unreachable(target, {
      reason: 'it speaks TLS, and TEMPORAL_TLS is off',
      remedy: `Set TEMPORAL_TLS=on, and ${authority} when no public authority signed its certificate.`,
    });
  const text = error instanceof Error ? `${error.message} ${'details' in error ? String(error.details) : ''}` : '';
  return unreachable(
    target,
    tlsFault(new Error(text), tlsSettings(target)) ?? {
      reason: `what listens at ${target.address} does not answer as Temporal does`,
      remedy: `Correct host and port in ${variable}; Temporal's own is 7233, its Web UI is another.`,
    },
  );
}

function unreachable({ address }: TemporalTarget, { reason, remedy }: NetworkFault): Failure {
  return new Failure('temporal_unreachable', `The Temporal server at ${address} cannot be reached: ${reason}.`, {
    hint: remedy,
  });
}

const authority = 'TEMPORAL_TLS_CA=FILE';

function tlsSettings({ address }: TemporalTarget) {
  return {
    ...hostAndPort(address),
    variable,
    nameAuthority: authority,
    nameCertificate: 'TEMPORAL_TLS_CERT=FILE and TEMPORAL_TLS_KEY=FILE',
    withoutTls: 'TEMPORAL_TLS=off',
  };
}

/** What is wrong with the handshake that the clients will make. */
async function handshakeFault(target: TemporalTarget, millis: number): Promise<NetworkFault | undefined> {
  const { tls } = target;
  const settings =
    tls === true || tls === undefined
      ? {}
      : {
          ...(tls.serverRootCACertificate === undefined ? {} : { ca: tls.serverRootCACertificate }),
          ...(tls.clientCertPair === undefined ? {} : { cert: tls.clientCertPair.crt, key: tls.clientCertPair.key }),
        };
  const error = await handshake(target, settings, millis);
  if (error === undefined) return undefined;
  return (
    tlsFault(error, tlsSettings(target)) ?? {
      reason: `no TLS connection comes about (${codeOf(error) || 'no answer'})`,
      remedy: `See that it speaks TLS there, or set TEMPORAL_TLS=off.`,
    }
  );
}

async function speaksTls(target: TemporalTarget, millis: number): Promise<boolean> {
  return (await handshake(target, { rejectUnauthorized: false }, millis)) === undefined;
}

/** Makes a TLS handshake and hangs up; returns what went wrong. */
function handshake(
  { address }: TemporalTarget,
  settings: { ca?: Buffer; cert?: Buffer; key?: Buffer; rejectUnauthorized?: boolean },
  millis: number,
): Promise<unknown> {
  const { host, port } = hostAndPort(address);
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, ALPNProtocols: ['h2'], ...settings });
    const timer = setTimeout(() => end(new Error('no answer')), millis);
    const end = (error: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(error);
    };
    // Who must show a certificate is refused behind the handshake; a server that goes on begins to speak.
    socket.once('secureConnect', () => setTimeout(() => end(undefined), soonMillis));
    socket.once('data', () => end(undefined));
    socket.once('error', end);
  });
}

function hostAndPort(address: string): { host: string; port: number } {
  const [host = '', port = ''] = address.split(/:(?=\d+$)/);
  return { host: host.replace(/^\[(.+)\]$/, '$1'), port: Number(port) };
}
