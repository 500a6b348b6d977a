import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { pageOf } from '../../src/cli/temporal-page.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { TestBrowser } from '../support/chromium.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';

// A person at Temporal's own pages, as docs/temporal-web-ui.md describes it. scripts/web-ui-pictures.mjs makes its pictures by this.

let databases: TestDatabases;
let engine: Engine;
let blocked: MigrationView;
let chromium: TestBrowser;
let page: Page;

beforeAll(async () => {
  databases = await createDatabases(20_000);
  engine = await Engine.start(databases);
  await engine.startMigration('first', { reject_limit_percent: 0.1 });
  blocked = await engine.waitFor('first', 'blocked', ({ status }) => status === 'blocked');
  chromium = await TestBrowser.start();
  page = await chromium.browser.newPage({ viewport: { width: 1280, height: 800 }, timezoneId: 'UTC' });
});
afterAll(async () => {
  await chromium.stop();
  await engine.stop();
  await databases.drop();
});

test('the filter finds what waits for a person, with its stage and status in columns', async () => {
  const query = encodeURIComponent('MigrationStatus IN ("blocked", "waiting")');
  await page.goto(`${inject('servers').temporalUiUrl}/namespaces/${engine.namespace}/workflows?query=${query}`);
  await page.getByRole('button', { name: 'Configure Columns' }).click();
  for (const name of ['Run ID', 'End']) await page.getByLabel(`Remove ${name} column`).click();
  for (const name of ['MigrationStage', 'MigrationStatus']) await page.getByLabel(`Add ${name} column`).click();
  await page.getByLabel('Close Workflows Table configuration').click();
  const row = page.getByRole('row').filter({ hasText: 'saju-records/first' });
  // The index is a moment behind.
  await until('the run to be listed', async () => {
    const text = await row.textContent({ timeout: 500 }).catch(() => null);
    if (text !== null && /copying.*blocked/s.test(text)) return true;
    await page.reload();
    return false;
  });
  await keepPicture('temporal-runs.png');
});

test('the page of a run says what it counted and what to type', async () => {
  await page.goto(`${inject('servers').temporalUiUrl}${pageOf(engine.namespace, blocked)}`);
  const texts = await until('the details to be shown', async () => {
    const frames = await Promise.all(page.frames().map((frame) => frame.textContent('main').catch(() => null)));
    return frames.some((text) => text?.includes('blocked at copying')) && frames;
  });
  expect(texts).toContainEqual(expect.stringContaining('Migration first: saju-records from legacy to saju-cube'));
  expect(texts).toContainEqual(expect.stringMatching(/rejects are open:.*date_invalid.*What to type now:/s));
  await keepPicture('temporal-run.png');
});

test('the timeline names each step by what it does', async () => {
  await page.getByRole('tab', { name: 'Timeline' }).click();
  await page.getByText('Copy rows into the cube, lane 1 of 2').waitFor();
  await page.getByText('Record in the ledger: blocked at copying').waitFor();
});

async function keepPicture(name: string): Promise<void> {
  if (process.env.CUBESHIFT_PICTURES === undefined) return;
  await page.waitForTimeout(1000);
  await page.screenshot({ path: join(packageRoot(), 'docs', 'images', name) });
}
