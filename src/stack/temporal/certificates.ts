import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of one folder that let a client and the embedded Temporal server prove who they are. */
export interface TemporalKeys {
  /** The certificate of the authority that signed the two others; its key is not kept, so nothing can be signed later. */
  readonly authority: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** What opens the Web UI. */
  readonly uiSecret: string;
}

const dayMillis = 86_400_000;
const lifeDays = 5 * 365;
/** Renewed when less than this is left: no stack runs that long without being started again. */
const daysLeft = 365;

export function temporalKeys(folder: string): TemporalKeys {
  return {
    authority: join(folder, 'authority.pem'),
    serverCertificate: join(folder, 'server.pem'),
    serverKey: join(folder, 'server.key'),
    clientCertificate: join(folder, 'client.pem'),
    clientKey: join(folder, 'client.key'),
    uiSecret: join(folder, 'ui.secret'),
  };
}

/**
 * Makes the whole set anew when a part of it is missing, damaged or near its end. The folder is its owner's alone, and
 * is replaced as a whole: a start that is killed half way leaves no mixed set. Returns whether it was made.
 */
export async function ensureTemporalKeys(folder: string, now: Date = new Date()): Promise<boolean> {
  if (isUsable(temporalKeys(folder), now)) return false;
  // Loaded by the process that signs alone: it is large.
  const { signKeys } = await import('./signing.js');
  const signed = await signKeys({ from: now, to: new Date(now.getTime() + lifeDays * dayMillis) });
  const contents = { ...signed, uiSecret: randomBytes(32).toString('base64url') };
  const parent = join(folder, '..');
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const scratch = mkdtempSync(join(parent, '.keys-'));
  try {
    const files = temporalKeys(scratch);
    for (const [name, text] of Object.entries(contents))
      writeFileSync(files[name as keyof TemporalKeys], text, { mode: 0o600 });
    rmSync(folder, { recursive: true, force: true });
    renameSync(scratch, folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return true;
}

function isUsable(files: TemporalKeys, now: Date): boolean {
  try {
    if (readFileSync(files.uiSecret).length < 32) return false;
    const authority = new X509Certificate(readFileSync(files.authority));
    const pairs = [
      [files.serverCertificate, files.serverKey],
      [files.clientCertificate, files.clientKey],
    ] as const;
    return pairs.every(([certificateFile, keyFile]) => {
      const certificate = new X509Certificate(readFileSync(certificateFile));
      return (
        Date.parse(certificate.validTo) - now.getTime() > daysLeft * dayMillis &&
        certificate.verify(authority.publicKey) &&
        certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)))
      );
    });
  } catch {
    // Missing or no PEM.
    return false;
  }
}
