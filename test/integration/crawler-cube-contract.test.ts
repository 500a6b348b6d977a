import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { type CrawlerService, describeCrawlerService } from '../support/crawler-contract.js';
import { startCrawlerCubeHere } from '../support/crawler-cube-here.js';
import { startLegacyCrawler } from '../support/legacy-crawler.js';

/** What legacy's crawler answers the cube answers as well, of jobs that legacy runs. */
describeCrawlerService(async (): Promise<CrawlerService> => {
  const service = await startLegacyCrawler('all');
  await upgradeLedger(service.databases.cubeUrl);
  const cube = await startCrawlerCubeHere({ ...service.databases, serviceUrl: service.url });
  return {
    ...service,
    url: cube.url,
    headers: cube.headers,
    close: async () => {
      await cube.close();
      await service.close();
    },
  };
});
