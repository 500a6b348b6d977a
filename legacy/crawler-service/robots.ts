import robotsModule from 'robots-parser';
import { readUrl } from './read-url.js';
import type { Answer } from './web-client.js';

// Its types describe an ES module; what is loaded is the function itself.
const robotsParser = robotsModule as unknown as (typeof robotsModule)['default'];

/** The name by which a site speaks to the crawler. */
const productToken = 'Heal7Crawler';
const maxBytes = 500 * 1024;
const maxRedirects = 5;

interface SiteRules {
  allow(url: URL): boolean;
  /** In seconds. */
  readonly crawlDelay: number;
}

/** What the robots.txt of each site says, by RFC 9309, fetched once for a run: without one everything is allowed, and nothing where the site is unwell. */
export class Robots {
  private readonly sites = new Map<string, Promise<SiteRules>>();

  constructor(private readonly request: (url: URL) => Promise<Answer | undefined>) {}

  async allow(url: URL): Promise<boolean> {
    return (await this.rulesOf(url)).allow(url);
  }

  async crawlDelay(url: URL): Promise<number> {
    return (await this.rulesOf(url)).crawlDelay;
  }

  private rulesOf({ origin }: URL): Promise<SiteRules> {
    const known = this.sites.get(origin) ?? this.fetchRules(origin);
    this.sites.set(origin, known);
    return known;
  }

  private async fetchRules(origin: string): Promise<SiteRules> {
    let url: URL | null = new URL('/robots.txt', origin);
    for (let hop = 0; hop <= maxRedirects && url !== null; hop++) {
      const answer: Answer | undefined = await this.request(url);
      if (answer === undefined || answer.status >= 500) return nothing;
      if (answer.status === 200) return rulesIn(origin, answer.body.subarray(0, maxBytes).toString());
      if (answer.status >= 400 || answer.location === undefined) return everything;
      url = readUrl(answer.location, url);
    }
    return everything;
  }
}

function rulesIn(origin: string, text: string): SiteRules {
  const robots = robotsParser(`${origin}/robots.txt`, text);
  return {
    allow: (url) => robots.isAllowed(url.href, productToken) ?? true,
    crawlDelay: robots.getCrawlDelay(productToken) ?? 0,
  };
}

const everything: SiteRules = { allow: () => true, crawlDelay: 0 };
const nothing: SiteRules = { allow: () => false, crawlDelay: 0 };
