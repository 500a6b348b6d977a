import { canonicalPath } from './canonical-path.js';
import { matchesPath, type PathRule } from './path-rule.js';
import type { RobotsRules } from './read-robots.js';

/** Whether rules allow a path with its query: the longest that matches decides, of two as long the one that allows. */
export function isAllowed({ rules }: RobotsRules, path: string): boolean {
  if (path === '/robots.txt') return true;
  const canonical = canonicalPath(path);
  let decisive: PathRule | undefined;
  for (const rule of rules) {
    if (decisive !== undefined && !outranks(rule, decisive)) continue;
    if (matchesPath(rule, canonical)) decisive = rule;
  }
  return decisive?.allows ?? true;
}

function outranks(rule: PathRule, other: PathRule): boolean {
  return rule.length > other.length || (rule.length === other.length && rule.allows && !other.allows);
}
