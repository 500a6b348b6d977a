// Fetches one URL again and again, in four lanes: `pace-worker.mjs REDIS_URL URL JOB REQUESTS DELAY_SECONDS WINDOW_MILLIS`, until its standard input ends.
const [redisUrl, url, jobId, requests, delaySeconds, window] = process.argv.slice(2);

const built = (file) => import(new URL(`../../dist/src/${file}.js`, import.meta.url).href);
const { connectRedis } = await built('redis/connection');
const { parseAllowedTargets } = await built('domain/crawler/allowed-targets');
const { HostPace, paceTimes } = await built('crawler/fetching/host-pace');
const { createFetcher } = await built('crawler/fetching/fetcher');

const redis = connectRedis(redisUrl, { onError: () => undefined });
const pace = new HostPace(redis, { ...paceTimes, window: Number(window), settle: 200 });
const fetcher = createFetcher({ allowed: parseAllowedTargets('127.0.0.1/32,[::1]'), pace });
const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();

const request = {
  url,
  jobId,
  runId: `crawl/${jobId}-1`,
  pace: { requestsPerMinute: Number(requests), delaySeconds: Number(delaySeconds) },
};
const lane = async () => {
  while (!stop.signal.aborted) await fetcher.fetch(request, stop.signal).catch(() => undefined);
};
await Promise.all([lane(), lane(), lane(), lane()]);
await fetcher.close();
pace.close();
redis.disconnect();
