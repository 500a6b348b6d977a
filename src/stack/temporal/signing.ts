import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const authorityName = 'CN=Authority of an embedded Temporal';

/** Contents of files, as PEM. */
interface SignedSet {
  readonly authority: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

interface Period {
  readonly from: Date;
  readonly to: Date;
}

/** A new set. The authority's key is forgotten when this returns. */
export async function signKeys(period: Period): Promise<SignedSet> {
  const authorityKeys = await newKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: authorityName,
    ...dates(period),
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  const sign = (subject: string, keys: webcrypto.CryptoKeyPair, usage: ExtendedKeyUsage) =>
    X509CertificateGenerator.create({
      subject: `CN=${subject} of an embedded Temporal`,
      issuer: authorityName,
      ...dates(period),
      signingKey: authorityKeys.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        // A client's certificate does not pass for a server's, nor the other way round.
        new ExtendedKeyUsageExtension([usage]),
        new SubjectAlternativeNameExtension([
          { type: 'ip', value: '127.0.0.1' },
          { type: 'dns', value: 'localhost' },
        ]),
      ],
    });
  const [serverKeys, clientKeys] = [await newKeys(), await newKeys()];
  const server = await sign('Server', serverKeys, ExtendedKeyUsage.serverAuth);
  const client = await sign('Client', clientKeys, ExtendedKeyUsage.clientAuth);
  return {
    authority: pemOf(authority),
    serverCertificate: pemOf(server),
    serverKey: await privatePem(serverKeys),
    clientCertificate: pemOf(client),
    clientKey: await privatePem(clientKeys),
  };
}

/** From an hour ago: clocks of two processes may differ. */
function dates({ from, to }: Period) {
  return { notBefore: new Date(from.getTime() - 3_600_000), notAfter: to };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function privatePem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}
