import { expect, test } from 'vitest';
import { Steps } from '../../../demo/steps.js';

test('each step says what it does and how long it took, the end how long all took', () => {
  const said: string[] = [];
  let now = 1000;
  const steps = new Steps(
    2,
    (text) => void said.push(text),
    () => now,
  );
  steps.begin('start the servers');
  now += 12_340;
  steps.begin('move the records');
  now += 5000;
  steps.finish();
  expect(said).toEqual([
    '\nStep 1 of 2: start the servers',
    'Step 1 took 12.3 s.',
    '\nStep 2 of 2: move the records',
    'Step 2 took 5.0 s.',
    'All steps took 17.3 s.',
  ]);
});
