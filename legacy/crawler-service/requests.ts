import { Fields, isStorable, oneOf, unstorable } from '../body-fields.js';
import { impossible } from '../problem.js';
import { readExtraction, UnreadableRule } from './extraction.js';
import { readUrl } from './read-url.js';
import type { NewJob } from './rows.js';
import { readTimetable } from './timetable.js';

/** Throws a problem that names the first wrong field: 400 for a wrong type, 422 for what cannot be. */
export function readNewJob(body: unknown): NewJob {
  const fields = new Fields(body);
  const name = fields.text('name');
  const urls = fields.texts('urls');
  const cron_expression = fields.textOrNull('cron_expression', null);
  const css_selectors = fields.object('css_selectors', {});
  const content_filters = fields.object('content_filters', {});
  const rate_limit = fields.whole('rate_limit', 30);
  const request_delay = fields.number('request_delay', 1);
  const output_format = fields.text('output_format', 'json');
  fields.end();
  for (const [field, text] of Object.entries({ name, cron_expression: cron_expression ?? '' }))
    if (!isStorable(text)) throw impossible(field, unstorable);
  if (name.trim() === '') throw impossible('name', 'name is empty.');
  checkUrls(urls);
  if (cron_expression !== null && readTimetable(cron_expression) === undefined) throw unreadableCron();
  checkRules(css_selectors, content_filters);
  if (!(rate_limit > 0 && rate_limit < 2 ** 31)) throw impossible('rate_limit', 'rate_limit is not above 0.');
  if (!(request_delay >= 0 && request_delay < 1e6)) throw impossible('request_delay', 'request_delay is negative.');
  oneOf('output_format', output_format, ['json', 'jsonl', 'csv']);
  return { name, urls, cron_expression, css_selectors, content_filters, rate_limit, request_delay, output_format };
}

export function unreadableCron() {
  return impossible('cron_expression', 'cron_expression cannot be read.');
}

function checkUrls(urls: readonly string[]): void {
  if (urls.length === 0) throw impossible('urls', 'urls is empty.');
  for (const text of urls) {
    const url = readUrl(text);
    if (
      url === null ||
      !/^https?:$/.test(url.protocol) ||
      url.username !== '' ||
      url.password !== '' ||
      !isStorable(text)
    )
      throw impossible('urls', 'urls holds what is no http or https URL without a user.');
  }
}

function checkRules(selectors: object, filters: object): void {
  if (!isStorable(JSON.stringify([selectors, filters]).replaceAll(/\\u0000|\\ud[89a-f]/gi, '\0')))
    throw impossible('css_selectors', unstorable);
  try {
    readExtraction(selectors, filters);
  } catch (error) {
    if (!(error instanceof UnreadableRule)) throw error;
    throw impossible(error.field, error.message);
  }
}
