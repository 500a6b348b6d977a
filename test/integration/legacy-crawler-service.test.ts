import { describeCrawlerService } from '../support/crawler-contract.js';
import { startLegacyCrawler } from '../support/legacy-crawler.js';

/** The stand-in's crawler, of which the crawler cube answers every route alike. */
describeCrawlerService(() => startLegacyCrawler('all'));
