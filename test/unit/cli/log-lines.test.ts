import { expect, test } from 'vitest';
import { readableLine } from '../../../src/cli/log-lines.js';

const line = { level: 40, time: Date.UTC(2026, 0, 2, 3, 4, 5, 6), pid: 7, hostname: 'vm', name: 'control' };

test('a line of a program is its time, its level, what happened and its fields', () => {
  const given = {
    ...line,
    trace_id: 'a',
    span_id: 'b',
    type: 'not_found',
    req: { method: 'GET' },
    msg: 'request refused',
  };
  expect(readableLine(JSON.stringify(given))).toBe(
    '[2026-01-02T03:04:05.006Z] WARN: request refused {"type":"not_found","req":{"method":"GET"}}',
  );
});

test('the end of a line in a message shows no line that there is not', () => {
  const forged = { ...line, msg: 'It came.\n[2026-01-02T03:04:05.007Z] INFO: cubeshift up', path: 'a\nb' };
  expect(readableLine(JSON.stringify(forged)).split('\n')).toHaveLength(1);
});

test('an error has its stack below the line', () => {
  const err = { type: 'Error', message: 'It broke.', stack: 'Error: It broke.\n    at here (file.js:1:2)' };
  expect(readableLine(JSON.stringify({ ...line, err, msg: 'It broke.' }))).toMatch(
    /^\[.*WARN: It broke\..*\n(?:.*\n)*.*at here/,
  );
});

test.each(['2026-01-02 03:04:05.006 UTC [7] LOG:  ready', '{half a line', '', '{"a": 1}'])(
  'what no program of the package wrote, as %j, loses nothing',
  (text) => expect(readableLine(text).replaceAll(/\s/g, '')).toContain(text.replaceAll(/[\s{}]/g, '')),
);
