import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readKey, replaceTemporalKeys, type TemporalKeys, temporalKeys } from '../../state/temporal-keys.js';

const dayMillis = 86_400_000;
const lifeDays = 5 * 365;
/** Renewed when less than this is left: no stack runs that long without being started again. */
const daysLeft = 365;

/**
 * Makes the whole set anew when a part of it is missing, damaged or near its end. Only its owner can read the folder, and
 * is replaced as a whole: a start that is killed half way leaves no mixed set. Returns whether it was made.
 */
export async function ensureTemporalKeys(folder: string, now: Date = new Date()): Promise<boolean> {
  if (isUsable(temporalKeys(folder), now)) return false;
  // Loaded by the process that signs alone: it is large.
  const { signKeys } = await import('./signing.js');
  const signed = await signKeys({ from: now, to: new Date(now.getTime() + lifeDays * dayMillis) });
  const contents = { ...signed, uiSecret: randomBytes(32).toString('base64url') };
  replaceTemporalKeys(folder, contents);
  return true;
}

function isUsable(files: TemporalKeys, now: Date): boolean {
  try {
    if (readKey(files, 'uiSecret').length < 32) return false;
    const authority = new X509Certificate(readKey(files, 'authority'));
    const pairs = [
      ['serverCertificate', 'serverKey'],
      ['clientCertificate', 'clientKey'],
    ] as const;
    return pairs.every(([certificateName, keyName]) => {
      const certificate = new X509Certificate(readKey(files, certificateName));
      return (
        Date.parse(certificate.validTo) - now.getTime() > daysLeft * dayMillis &&
        certificate.verify(authority.publicKey) &&
        certificate.checkPrivateKey(createPrivateKey(readKey(files, keyName)))
      );
    });
  } catch {
    // Missing or no PEM.
    return false;
  }
}
