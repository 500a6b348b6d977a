import { type PathRule, readPathRule } from './path-rule.js';

/** What a robots.txt says to one crawler. */
export interface RobotsRules {
  readonly rules: readonly PathRule[];
  readonly crawlDelaySeconds: number;
}

/** The rules of a host without a robots.txt. */
export const everythingAllowed: RobotsRules = { rules: [], crawlDelaySeconds: 0 };

interface Group {
  readonly agents: string[];
  readonly rules: PathRule[];
  crawlDelaySeconds: number;
  /** Whether a line for its agents has come, after which a User-agent line begins the next group. */
  hasLines: boolean;
}

/**
 * Reads a robots.txt (RFC 9309) for the crawler of a product token: all groups of its name together, or all of `*` where none has its name. Lines that the
 * standard does not know neither end a group nor matter; Crawl-delay, which it does not know either, counts as a line of its group, and the longest holds.
 */
export function readRobots(text: string, productToken: string): RobotsRules {
  const groups: Group[] = [];
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)) {
    const [statement = ''] = line.split('#', 1);
    const colon = statement.indexOf(':');
    if (colon > 0) readLine(groups, statement.slice(0, colon).trim().toLowerCase(), statement.slice(colon + 1).trim());
  }
  const named = groups.filter(({ agents }) => agents.includes(productToken.toLowerCase()));
  const chosen = named.length > 0 ? named : groups.filter(({ agents }) => agents.includes('*'));
  return {
    rules: chosen.flatMap(({ rules }) => rules),
    crawlDelaySeconds: Math.max(0, ...chosen.map(({ crawlDelaySeconds }) => crawlDelaySeconds)),
  };
}

function readLine(groups: Group[], key: string, value: string): void {
  const group = groups.at(-1);
  if (key === 'user-agent') {
    const agent = agentOf(value);
    if (group !== undefined && !group.hasLines) group.agents.push(agent);
    else groups.push({ agents: [agent], rules: [], crawlDelaySeconds: 0, hasLines: false });
    return;
  }
  if (group === undefined || !['allow', 'disallow', 'crawl-delay'].includes(key)) return;
  group.hasLines = true;
  if (key === 'crawl-delay') group.crawlDelaySeconds = Math.max(group.crawlDelaySeconds, secondsOf(value));
  else if (value !== '') group.rules.push(readPathRule(value, key === 'allow'));
}

/** The product token at the beginning of a User-agent line: `Heal7Crawler/1.0` names the crawler too. */
function agentOf(value: string): string {
  return value.startsWith('*') ? '*' : (/^[\w-]*/.exec(value)?.[0] ?? '').toLowerCase();
}

function secondsOf(value: string): number {
  return /^\d{1,9}(\.\d{1,9})?$/.test(value) ? Number(value) : 0;
}
