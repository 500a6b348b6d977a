import { load } from 'cheerio';
import pg from 'pg';
import { Agent, fetch } from 'undici';
import { selectors } from './crawling-stack.js';

/** What the bare loop is told, as JSON on its standard input. */
export interface LoopTask {
  readonly urls: readonly string[];
  /** Where it stores results: `bench.results (url, content)`. */
  readonly database: string;
  /** Requests under way. */
  readonly atOnce: number;
}

const storedAtOnce = 100;

/** Fetches pages by undici, extracts by cheerio, and stores results in batches of 100; nothing else. Returns the seconds that took. */
export async function crawlPlainly({ urls, database, atOnce }: LoopTask): Promise<{ readonly seconds: number }> {
  const client = new pg.Client({ connectionString: database });
  const dispatcher = new Agent({ connections: atOnce });
  await client.connect();
  const began = performance.now();
  let results: { url: string; content: string }[] = [];
  let storing = Promise.resolve<unknown>(undefined);
  const store = () => {
    const batch = results;
    results = [];
    storing = storing.then(() =>
      client.query('insert into bench.results (url, content) select * from unnest($1::text[], $2::jsonb[])', [
        batch.map(({ url }) => url),
        batch.map(({ content }) => content),
      ]),
    );
  };
  const queue = urls.values();
  const lane = async () => {
    for (const url of queue) {
      const answer = await fetch(url, { dispatcher });
      const root = load(await answer.text()).root();
      const fields = Object.entries(selectors).map(([field, selector]) => {
        const text = root.find(selector).first().text();
        return [field, text.normalize('NFC').replaceAll(/\s+/g, ' ').trim()] as const;
      });
      results.push({ url, content: JSON.stringify(Object.fromEntries(fields)) });
      if (results.length >= storedAtOnce) store();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  store();
  await storing;
  const seconds = (performance.now() - began) / 1000;
  await Promise.all([client.end(), dispatcher.close()]);
  return { seconds };
}
