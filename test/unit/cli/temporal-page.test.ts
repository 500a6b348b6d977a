import { expect, test } from 'vitest';
import { pageOf } from '../../../src/cli/temporal-page.js';
import { uiLink, withoutLogin } from '../../../src/stack/temporal/ui-login.js';

test('the page of a run is that of its details, the page of a workflow that of its newest run', () => {
  expect(pageOf('default', { workflow_id: 'saju-records/first', run_id: '01-ab' })).toBe(
    '/namespaces/default/workflows/saju-records%2Ffirst/01-ab/user-metadata',
  );
  expect(pageOf('heal7', { workflow_id: 'ramp/saju', run_id: null })).toBe('/namespaces/heal7/workflows/ramp%2Fsaju');
});

test('a link without its login names no secret, and another address stays as it is', () => {
  expect(withoutLogin(uiLink(8233, 'secret'))).toBe('http://127.0.0.1:8233');
  expect(withoutLogin('https://temporal.example/ui')).toBe('https://temporal.example/ui');
});
