import { generateCrawler } from '../../legacy/crawler/generate.js';
import { insertCrawler } from '../../legacy/crawler/insert-rows.js';
import { AllowedTargets } from '../../legacy/crawler-service/allowed-targets.js';
import { buildCrawlerService } from '../../legacy/crawler-service/app.js';
import { CrawlerSite } from '../../legacy/crawler-site/site.js';
import type { CrawlerService } from './crawler-contract.js';
import { createDatabases, type TestDatabases } from './databases.js';

/** The stand-in's crawler and site, over a database of its own with all special jobs, or with none. */
export async function startLegacyCrawler(
  special: 'all' | 'none',
): Promise<CrawlerService & { readonly databases: TestDatabases }> {
  const databases = await createDatabases(0);
  const { legacy, drop } = databases;
  const site = new CrawlerSite();
  const siteUrl = await site.listen('127.77.0.1', 0);
  const rows = generateCrawler({ jobs: 250, seed: 7, special: 'all', site: siteUrl });
  await legacy.query('truncate crawler_jobs, crawler_results restart identity');
  if (special === 'all') await insertCrawler(legacy, rows);
  const targets = new AllowedTargets(`127.77.0.1/32:${new URL(siteUrl).port}`);
  const app = buildCrawlerService({ pool: legacy, targets, pollMillis: 100 });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    databases,
    url,
    headers: {},
    legacy,
    rows,
    site,
    siteUrl,
    close: async () => {
      await site.close();
      await app.close();
      await drop();
    },
  };
}
