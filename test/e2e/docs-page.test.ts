import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { TestBrowser } from '../support/chromium.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, testSecret } from '../support/engine.js';

/** The page of the control API's documentation, as a person's browser shows it. */
let databases: TestDatabases;
let engine: Engine;
let chromium: TestBrowser;
let page: Page;
const complaints: string[] = [];
const requested: URL[] = [];

beforeAll(async () => {
  databases = await createDatabases(1);
  engine = await Engine.start({ ...databases, bulkWorkers: 0 });
  chromium = await TestBrowser.start();
  page = await chromium.browser.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requested.push(new URL(request.url())));
});
afterAll(async () => {
  await chromium.stop();
  await engine.stop();
  await databases.drop();
});

test('lists every operation, without a token, and requests nothing of another host', async () => {
  await page.goto(`${engine.url}/docs`);
  await page.waitForSelector('.opblock');
  const shown = await page.locator('.opblock').evaluateAll((blocks) => blocks.map(({ id }) => id.split('-').at(-1)));
  const operations = Object.values(engine.document.paths).flatMap((path) => Object.values(path));
  expect(shown.sort()).toEqual(operations.map(({ operationId }) => operationId).sort());
  expect(new Set(requested.map(({ origin }) => origin))).toEqual(new Set([engine.url]));
  expect(complaints).toEqual([]);
});

test('sends a call with the token that was typed in, and keeps the token nowhere', async () => {
  const { token } = issueCubeToken(testSecret, { cubeId: 'test', permissions: ['migration:read'] }, new Date());
  await page.click('.auth-wrapper .authorize');
  await page.fill('.auth-container input', token);
  await page.click('.auth-btn-wrapper .authorize');
  await page.click('.auth-btn-wrapper .btn-done');
  const operation = '#operations-migrations-listMigrations';
  await page.click(`${operation} .opblock-summary-control`);
  await page.click(`${operation} .try-out__btn`);
  await page.click(`${operation} .execute`);
  const answer = page.locator(`${operation} .live-responses-table .response`);
  await answer.waitFor();
  expect(await answer.textContent()).toMatch(/^200[\s\S]*"items": \[\]/);
  expect(new Set(requested.map(({ origin }) => origin))).toEqual(new Set([engine.url]));
  expect(complaints).toEqual([]);
  await page.reload();
  await page.waitForSelector('.auth-wrapper .unlocked');
});

test('its policy forbids requests to other hosts and foreign frames', async () => {
  const { headers } = await fetch(`${engine.url}/docs`);
  const policy = headers.get('content-security-policy')?.split('; ');
  expect(policy).toEqual(
    expect.arrayContaining(["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]),
  );
  const other = engine.url.replace('127.0.0.1', 'localhost');
  const sent = page.evaluate(
    (url) =>
      fetch(url).then(
        () => 'sent',
        () => 'blocked',
      ),
    `${other}/health`,
  );
  expect(await sent).toBe('blocked');
});
