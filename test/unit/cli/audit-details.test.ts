import { expect, test } from 'vitest';
import { describeDetails, who } from '../../../src/cli/audit.js';

test.each([
  [
    { was: { enabled: true, percentage: 0 }, why: 'a try', percentage: 10, os_user: 'root', token_sha256: 'b56f' },
    'why "a try", percentage 10 (was 0)',
  ],
  [{ was: { enabled: true, percentage: 0 }, why: '', enabled: true, denied_users: 1 }, 'enabled true, denied_users 1'],
  [{ kind: 'saju-records', options: { lanes: 2, rows_per_second: null } }, 'kind saju-records, options.lanes 2'],
  [{ rejects: { reason: 'date_invalid' }, steps: [1, 5, 10], none: [] }, 'rejects.reason date_invalid, steps 1 5 10'],
  [{}, ''],
])('%j are said as %j', (details, expected) => {
  expect(describeDetails(details)).toBe(expected);
});

test.each([
  [{}, 'operator'],
  [{ claimed_by: 'kim' }, 'operator (says: kim)'],
  [{ claimed_by: 'kim', os_user: 'root' }, 'operator (says: kim, OS user root)'],
  [{ os_user: 'root' }, 'operator (says: OS user root)'],
])('who with %j is said as %j', (details, expected) => {
  expect(who({ actor: 'operator', details })).toBe(expected);
});
