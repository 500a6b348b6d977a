import { createWriteStream } from 'node:fs';
import { CrawlerSite, lineOf } from './crawler-site/site.js';
import { VisitLog } from './crawler-site/visits.js';

/** The site that demo and tests crawl: HOST (127.77.0.1), PORT (8081), LOG_FILE (none: the log is in memory alone), CRAWL_DELAY (0, in seconds). */
const { HOST = '127.77.0.1', PORT = '8081', LOG_FILE: file, CRAWL_DELAY: delay = '0' } = process.env;

const stream = file === undefined ? undefined : createWriteStream(file, { flags: 'a' });
const site = new CrawlerSite({
  settings: { crawl_delay: Number(delay) || null },
  log: new VisitLog(undefined, (visit) => stream?.write(lineOf(visit))),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
process.stderr.write(`crawler site: ${await site.listen(HOST, Number(PORT))}\n`);

async function stop(): Promise<void> {
  await site.close();
  stream?.end();
}
