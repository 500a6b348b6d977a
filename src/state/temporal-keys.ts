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

/** The contents of one of the files; throws when it is missing. */
export function readKey(keys: TemporalKeys, name: keyof TemporalKeys): Buffer {
  return readFileSync(keys[name]);
}

/**
 * Puts a whole set in the place of the one in the folder, which is then its owner's alone: a start that is killed half way
 * leaves no mixed set.
 */
export function replaceTemporalKeys(folder: string, contents: Readonly<Record<keyof TemporalKeys, string>>): void {
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
}
