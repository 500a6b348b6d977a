import { readFileSync } from 'node:fs';

/** Secrets, keys and the files that hold them. Each parser returns the value, or throws an Error that completes "NAME …". */

export function parseSecret(value: string): string {
  if (Buffer.byteLength(value, 'utf8') < 32) throw new Error('must be 32 bytes or more');
  return value;
}

/** It becomes a bearer token: https://www.rfc-editor.org/rfc/rfc6750#section-2.1. */
export function parseBearerToken(value: string): string {
  if (!/^[\w.~+/-]+=*$/.test(value)) throw new Error('must be a bearer token: letters, digits and -._~+/');
  return value;
}

/** Of an S3 server: it becomes part of a header. */
export function parseAccessKey(value: string): string {
  if (!/^[!-~]{1,256}$/.test(value) || /[/,=]/.test(value))
    throw new Error('must be an access key: printable, without spaces, commas, slashes and equals signs');
  return value;
}

export function parseSecretKey(value: string): string {
  if (!/^[!-~]{1,256}$/.test(value)) throw new Error('must be a secret key: printable, without spaces');
  return value;
}

/** Passwords by role. A password goes into URLs as it is. */
export function parsePasswords(value: string): ReadonlyMap<string, string> {
  const pairs = value.split(',').map((pair) => /^([a-z_]+)=([\w-]+)$/.exec(pair)?.slice(1, 3) ?? []);
  if (pairs.some(([role]) => role === undefined))
    throw new Error('must be role=password, separated by commas; a password is letters, digits, - and _');
  return new Map(pairs.map(([role = '', password = '']) => [role, password]));
}

export function parseTls(value: string): string {
  if (value === 'on' || value === 'off') return value;
  if (fileMatches(value, certificate)) return value;
  throw new Error('must be on, off or the path of a PEM file with a certificate');
}

export function parseCertificateFile(value: string): string {
  if (!fileMatches(value, certificate)) throw new Error('must be the path of a PEM file with a certificate');
  return value;
}

export function parseKeyFile(value: string): string {
  if (!fileMatches(value, /-----BEGIN (?:\w+ )?PRIVATE KEY-----/))
    throw new Error('must be the path of a PEM file with a private key');
  return value;
}

const certificate = /-----BEGIN CERTIFICATE-----/;

/** A file that cannot be read is as wrong as one with something else in it. */
function fileMatches(path: string, pattern: RegExp): boolean {
  try {
    return pattern.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}
