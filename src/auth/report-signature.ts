import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** A report with its signature: any change to the report makes the signature wrong. */
export interface SignedReport {
  readonly report: unknown;
  readonly signature: { readonly alg: 'HS256'; readonly value: string };
}

/** Signs with a key derived for reports alone, so that no report can pass as a token. */
export function signReport(secret: string, report: unknown): SignedReport {
  return { report, signature: { alg: 'HS256', value: signatureOf(secret, report) } };
}

/**
 * Whether a document is a report that this secret signed, unchanged and with nothing beside it: a reader takes the
 * whole document for signed.
 */
export function isSignedReport(secret: string, document: unknown): document is SignedReport {
  if (!hasExactly(document, 'report', 'signature')) return false;
  const { report, signature } = document;
  if (!hasExactly(signature, 'alg', 'value') || signature.alg !== 'HS256' || typeof signature.value !== 'string')
    return false;
  if (isNestedDeeper(report, maxDepth)) return false;
  const [given, right] = [Buffer.from(signature.value), Buffer.from(signatureOf(secret, report))];
  return given.length === right.length && timingSafeEqual(given, right);
}

function hasExactly<Name extends string>(value: unknown, ...names: readonly Name[]): value is Record<Name, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/** Deeper than any report: a file from elsewhere may be nested as it likes. */
const maxDepth = 64;

function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isNestedDeeper(inner, levels - 1));
}

function signatureOf(secret: string, report: unknown): string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'cubeshift evidence report', 32));
  return createHmac('sha256', key).update(canonicalJson(report)).digest('base64url');
}

/** JSON with sorted keys: the same report gives the same text wherever it is read. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
}
