/** Where a cube tries a write for the control plane; the gateway may not request it. */
export const writeCheckPath = '/_cube/write-check';
/** What a caller must hold. */
export const writeCheckPermission = 'migration:write';

/** What it answers. */
export interface WriteCheck {
  readonly writable: boolean;
  /** Why not, one sentence; null when it is. */
  readonly sentence: string | null;
}

/** The answer as a cube gave it; undefined for what is none. */
export function parseWriteCheck(body: unknown): WriteCheck | undefined {
  if (typeof body !== 'object' || body === null || !('writable' in body)) return undefined;
  const { writable, sentence }: { writable: unknown; sentence?: unknown } = body;
  if (typeof writable !== 'boolean') return undefined;
  return { writable, sentence: typeof sentence === 'string' ? sentence.slice(0, 300) : null };
}
