import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** A report with its signature: any change to the report invalidates the signature. */
export interface SignedReport {
  readonly report: unknown;
  readonly signature: { readonly alg: 'HS256'; readonly value: string };
}

/** Signs with a key derived for reports only, so that no report is valid as a token. */
export function signReport(secret: string, report: unknown): SignedReport {
  return { report, signature: { alg: 'HS256', value: signatureOf(secret, report) } };
}

/**
 * Whether a document is exactly a report that this secret signed, without further members: a reader assumes that the whole
 * document is signed.
 */
export function isSignedReport(secret: string, document: unknown): document is SignedReport {
  if (!hasExactly(document, 'report', 'signature')) return false;
  const { report, signature } = document;
  if (!hasExactly(signature, 'alg', 'value') || signature.alg !== 'HS256' || typeof signature.value !== 'string')
    return false;
  if (isNestedDeeper(report, maxDepth)) return false;
  const [given, expected] = [Buffer.from(signature.value), Buffer.from(signatureOf(secret, report))];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function hasExactly<Name extends string>(value: unknown, ...names: readonly Name[]): value is Record<Name, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/** Deeper than any report: a foreign file may have any depth. */
const maxDepth = 64;

function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isNestedDeeper(inner, levels - 1));
}

function signatureOf(secret: string, report: unknown): string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'cubeshift evidence report', 32));
  return createHmac('sha256', key).update(canonicalJson(report)).digest('base64url');
}

/** JSON with sorted keys: equal reports give equal text. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
}
