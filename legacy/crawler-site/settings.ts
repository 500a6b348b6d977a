/** How the site behaves; a test or a person changes it while the site runs. */
export interface SiteSettings {
  /** Seconds that robots.txt asks for between requests; null for no such line. */
  readonly crawl_delay: number | null;
  /** What robots.txt is answered with: 200, or a status of a site that has none or is unwell. */
  readonly robots_status: number;
  /** Pages are answered 429 until then, in milliseconds since 1970. */
  readonly busy_until: number;
  /** No page is answered until this is taken back; robots.txt is. */
  readonly hold: boolean;
}

export const usualSettings: SiteSettings = { crawl_delay: null, robots_status: 200, busy_until: 0, hold: false };

/** Undefined for what is none of the settings. */
export function readSettings(value: unknown, before: SiteSettings): SiteSettings | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const wanted: SiteSettings = { ...before, ...value };
  const { crawl_delay, robots_status, busy_until, hold } = wanted;
  const fits =
    Object.keys(wanted).length === Object.keys(usualSettings).length &&
    (crawl_delay === null || (typeof crawl_delay === 'number' && crawl_delay >= 0)) &&
    Number.isInteger(robots_status) &&
    robots_status >= 200 &&
    robots_status < 600 &&
    typeof busy_until === 'number' &&
    typeof hold === 'boolean';
  return fits ? wanted : undefined;
}

/** Below these robots.txt lets nobody in. */
export const disallowedPaths = ['/private/', '/search'] as const;

export function robotsText({ crawl_delay: delay }: SiteSettings): string {
  return [
    '# 일반 규칙',
    'User-agent: *',
    ...disallowedPaths.map((path) => `Disallow: ${path}`),
    'Allow: /private/open',
    ...(delay === null ? [] : [`Crawl-delay: ${delay}`]),
    '',
    'User-agent: GreedyBot',
    'Disallow: /',
    '',
  ].join('\n');
}
