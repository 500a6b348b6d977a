import { canonicalPath } from './canonical-path.js';

/** An Allow or Disallow line: the texts between its wildcards, in the form of `canonicalPath`. */
export interface PathRule {
  readonly allows: boolean;
  readonly segments: readonly string[];
  /** Whether the last segment must be the end of the path. */
  readonly isAnchored: boolean;
  /** Octets of the rule: of several that match, the longest decides. */
  readonly length: number;
}

/** Reads the value of an Allow or Disallow line: `*` is any text, a `$` at the end the end of the path. */
export function readPathRule(value: string, allows: boolean): PathRule {
  const isAnchored = value.endsWith('$');
  const segments = (isAnchored ? value.slice(0, -1) : value).split(/\*+/).map(canonicalPath);
  return { allows, segments, isAnchored, length: segments.join('*').length + (isAnchored ? 1 : 0) };
}

/**
 * Whether a rule matches a path in the form of `canonicalPath`. Each segment is looked for once, behind the one before it, so that no rule takes longer
 * than the path is long for each of its segments.
 */
export function matchesPath({ segments, isAnchored }: PathRule, path: string): boolean {
  const [first = '', ...others] = segments;
  if (!path.startsWith(first)) return false;
  const last = isAnchored ? others.pop() : undefined;
  if (isAnchored && last === undefined) return path === first;
  let position = first.length;
  for (const segment of others) {
    const found = path.indexOf(segment, position);
    if (found === -1) return false;
    position = found + segment.length;
  }
  return last === undefined || (path.endsWith(last) && path.length - last.length >= position);
}
