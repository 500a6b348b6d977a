import { expect, test } from 'vitest';
import { expectedCrawler } from '../../../../legacy/crawler/expected.js';
import { generateCrawler } from '../../../../legacy/crawler/generate.js';
import { readTimetable } from '../../../../legacy/crawler-service/timetable.js';
import { assertEverMatches } from '../../../../src/domain/crawler/cron/cron-calendars.js';
import { UnreadableCron } from '../../../../src/domain/crawler/cron/cron-problem.js';
import { readCron } from '../../../../src/domain/crawler/cron/read-cron.js';

const { jobs, specialJobs } = generateCrawler({ jobs: 300, seed: 7, special: 'all', site: 'http://127.77.0.1:8081' });
const names = new Map([...specialJobs].map(([name, id]) => [id, name]));
const expressions = jobs.flatMap(({ id, cron_expression: expression }) => {
  const outcome = expectedCrawler().jobs[names.get(id) ?? '']?.outcome ?? 'converts';
  return expression === null ? [] : [[expression, outcome.startsWith('cron_') ? outcome : 'converts'] as const];
});

/** Reasons that come before the schedule, or after it, say nothing of it. */
const decided = new Map(expressions.filter(([expression]) => expression !== 'x'));

test.each([...decided])('the schedule %j of a job of legacy: %s', (expression, outcome) => {
  expect(outcomeOf(expression)).toBe(outcome);
});

test('the stand-in runs every schedule that can be converted', () => {
  const converted = [...decided].filter(([, outcome]) => outcome === 'converts').map(([expression]) => expression);
  expect(converted.length).toBeGreaterThan(40);
  expect(converted.filter((expression) => !readTimetable(expression)?.nextAfter(new Date()))).toEqual([]);
});

function outcomeOf(expression: string): string {
  try {
    assertEverMatches(readCron(expression), { year: 2026, month: 11, day: 29 });
    return 'converts';
  } catch (error) {
    if (!(error instanceof UnreadableCron)) throw error;
    return error.problem;
  }
}
