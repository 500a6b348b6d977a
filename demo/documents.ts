import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FormData, Pool } from 'undici';
import { characterErrorRate, maxCharacterErrorRate } from '../legacy/scanned-pages/character-errors.js';
import { packageRoot } from '../src/base/package-root.js';
import type { Commands } from './commands.js';
import type { Steps } from './steps.js';

/** How many steps `showDocument` has. */
export const documentSteps = 1;

/** What the cube found in a scanned page. */
export interface DocumentShown {
  readonly text: string;
  readonly madeBy: string;
  readonly label: string;
  readonly classifiedBy: string;
  /** Share of the characters on the page that were read wrongly. */
  readonly errorRate: number;
  readonly seconds: number;
}

const page = 'ko-1';
const user = { 'x-user-id': 'scanner-1' };
const everyMillis = 500;

interface Found {
  readonly kind: string;
  readonly result: Readonly<Record<string, string>>;
}

/** Uploads a scanned page as a user does, has the cube read and classify it, and shows what it found. */
export async function showDocument(cubeshift: Commands, gatewayUrl: string, steps: Steps): Promise<DocumentShown> {
  steps.begin('upload a scanned Korean page, and see what the cube reads on it and of which class it is');
  await cubeshift.run('traffic', 'set', 'paperwork', '100');
  const users = new Pool(gatewayUrl, { connections: 2 });
  const folder = join(packageRoot(), 'legacy', 'scanned-pages', 'pages');
  const printed = readFileSync(join(folder, `${page}.txt`), 'utf8');
  try {
    const began = performance.now();
    const form = new FormData();
    form.set('file', new File([readFileSync(join(folder, `${page}.jpg`))], `${page}.jpg`, { type: 'image/jpeg' }));
    const { id } = (await call(users, 'POST', '/files', form)) as { readonly id: number };
    for (const kind of ['ocr', 'classify']) await call(users, 'POST', `/files/${id}/process`, JSON.stringify({ kind }));
    for (const kind of ['ocr', 'classify']) await untilDone(users, id, kind);
    const { items } = (await call(users, 'GET', `/files/${id}/results`)) as { readonly items: readonly Found[] };
    const resultOf = (wanted: string) => items.find(({ kind }) => kind === wanted)?.result ?? {};
    const { text = '', made_by: madeBy = '' } = resultOf('ocr');
    const { label = '', made_by: classifiedBy = '' } = resultOf('classify');
    const seconds = (performance.now() - began) / 1000;
    return { text, madeBy, label, classifiedBy, errorRate: characterErrorRate(text, printed), seconds };
  } finally {
    await users.close();
    await cubeshift.run('traffic', 'set', 'paperwork', '0');
  }
}

/** Each look at how far the page is shows what changed. */
async function untilDone(users: Pool, id: number, kind: string): Promise<void> {
  let said = '';
  for (;;) {
    const view = (await call(users, 'GET', `/files/${id}/process/${kind}`)) as {
      readonly state: string;
      readonly page: number | null;
      readonly pages: number | null;
      readonly reason: string | null;
    };
    const where = view.page === null ? '' : `, page ${view.page} of ${view.pages}`;
    const why = view.reason === null ? '' : `, ${view.reason}`;
    const sentence = `${kind} of file ${id}: ${view.state}${where}${why}`;
    if (sentence !== said) process.stderr.write(`${sentence}\n`);
    said = sentence;
    if (view.state === 'done') return;
    if (view.state === 'failed') throw new Error(`The page could not be processed: ${view.reason}.`);
    await sleep(everyMillis);
  }
}

/** A request through the gateway; throws for what is not answered with success. */
async function call(users: Pool, method: 'GET' | 'POST', path: string, body?: FormData | string): Promise<unknown> {
  const answer = await users.request({
    method,
    path: `/api/paperwork${path}`,
    headers: { ...user, ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}) },
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${method} ${path} was answered ${answer.statusCode}: ${text}`);
  return JSON.parse(text);
}

const shownCharacters = 76;

/** What stands on the page, on one screen. */
export function describeDocument({ text, madeBy, label, classifiedBy, errorRate, seconds }: DocumentShown): string {
  const lines: [string, string][] = [
    [
      'scanned page',
      `read and classified in ${seconds.toFixed(1)} s; ${(errorRate * 100).toFixed(1)} % of its characters are wrong, ${(maxCharacterErrorRate * 100).toFixed(0)} % may be`,
    ],
    ...text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(0, 3)
      .map((line): [string, string] => ['', `│ ${[...line].slice(0, shownCharacters).join('')}`]),
    ['class', `${label}, by ${classifiedBy.split(';')[0]}`],
    ['read by', madeBy],
  ];
  return lines.map(([name, what]) => `${name.padEnd(13)} ${what}`).join('\n');
}
