import { expect, test } from 'vitest';
import { joinActivities } from '../../../src/workers/join-activities.js';

test('two activities of one name are refused, not one of them lost', () => {
  const one = { look: async () => 1 };
  expect(Object.keys(joinActivities([one, { act: async () => 2 }]))).toEqual(['look', 'act']);
  expect(() => joinActivities([one, { look: async () => 3 }])).toThrow('Two activities are called look.');
});
