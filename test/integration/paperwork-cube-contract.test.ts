import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FormData, request as send } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ComparedAnswer, comparedAnswer } from '../support/compared-answer.js';
import { DocumentsWorker } from '../support/documents-worker.js';
import { paperworkToken } from '../support/paperwork-cube-here.js';
import { type PaperworkServices, startPaperworkServices } from '../support/paperwork-services.js';

/** Both services on the same rows and files: a client cannot tell from an answer which of them served it. */
let services: PaperworkServices;
let worker: DocumentsWorker;
const limits = { maxFileBytes: 200_000, maxMetadataBytes: 1000 };

beforeAll(async () => {
  services = await startPaperworkServices(limits);
  const { databases, folder, storeFolder } = services;
  worker = await DocumentsWorker.start({ ...databases, folder, storeFolder });
});
afterAll(async () => {
  await worker.end();
  await services.close();
});

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(100, 7)]);

describe('an upload is answered alike', () => {
  const nfc = '한글 문서.txt'.normalize('NFC');
  test.each<[string, () => FormData, number]>([
    ['a text', () => form('a.txt', 'hello', { type: 'text/plain' }), 201],
    ['an empty file', () => form('empty', '', { type: 'text/plain' }), 201],
    ['a PNG that is named a PDF', () => form('picture.pdf', png, { type: 'application/pdf' }), 201],
    ['a text that is declared a PNG', () => form('picture.png', 'hello', { type: 'image/png' }), 201],
    ['a file without a type', () => form('a', Buffer.from([0, 1, 2])), 201],
    ['a type with a parameter', () => form('a.txt', 'x', { type: 'text/plain; charset=EUC-KR' }), 201],
    ['a name in NFC', () => form(nfc, 'x'), 201],
    ['the same name in NFD', () => form(nfc.normalize('NFD'), 'x'), 201],
    ['a name with quotes, spaces and a backslash', () => form(`"a' b\\ .txt`, 'x'), 201],
    ['a name with CR LF', () => form('a\r\nSet-Cookie: x=1.txt', 'x'), 201],
    ['a name with control characters', () => form('a\u0001\u007f\u202etxt.exe', 'x'), 201],
    ['a name of 255 bytes', () => form('가'.repeat(85), 'x'), 201],
    ['a name of 256 bytes', () => form(`${'가'.repeat(85)}a`, 'x'), 422],
    ['a name that is a path', () => form('../../etc/passwd', 'x'), 422],
    ['a name that is a folder', () => form('..', 'x'), 422],
    ['metadata', () => form('a', 'x', { metadata: '{"b": 1.50, "a": [null, "글"]}' }), 201],
    ['metadata before the file', () => form('a', 'x', { metadata: '"text"', before: true }), 201],
    ['metadata that are no JSON', () => form('a', 'x', { metadata: '{' }), 400],
    ['metadata with a NUL', () => form('a', 'x', { metadata: '{"a":"\\u0000"}' }), 422],
    ['metadata with half a surrogate', () => form('a', 'x', { metadata: '"\\ud800"' }), 422],
    ['metadata that are nested deeply', () => form('a', 'x', { metadata: '['.repeat(400) + ']'.repeat(400) }), 201],
    ['metadata that are too large', () => form('a', 'x', { metadata: `"${'x'.repeat(1000)}"` }), 413],
    ['a file of exactly the size', () => form('a', Buffer.alloc(limits.maxFileBytes)), 201],
    ['a file of one byte more', () => form('a', Buffer.alloc(limits.maxFileBytes + 1)), 413],
    ['a file of far more', () => form('a', Buffer.alloc(50 * limits.maxFileBytes)), 413],
    ['no file', () => fields({ metadata: '{}' }), 400],
    ['a text for the file', () => fields({ file: 'x' }), 400],
    ['another field', () => fields({ other: 'x' }), 400],
    ['two files', () => twoFiles(), 400],
  ])('of %s', async (_, body, status) => {
    const before = filesIn(services.folder).length;
    expect((await alike('POST', '/files', { form: body })).status).toBe(status);
    expect(filesIn(services.folder)).toHaveLength(before + (status === 201 ? 2 : 0));
  });

  test.each<[string, Sent, number]>([
    ['JSON', { headers: { 'content-type': 'application/json' }, body: '{}' }, 415],
    ['a text', { headers: { 'content-type': 'text/plain' }, body: 'x' }, 415],
    ['no type', { body: 'x' }, 415],
    ['no boundary', { headers: { 'content-type': 'multipart/form-data' }, body: 'x' }, 415],
    ['another boundary', { headers: { 'content-type': 'multipart/form-data; boundary=a' }, body: '--b\r\n\r\n' }, 400],
    ['an empty body', { headers: { 'content-type': 'multipart/form-data; boundary=a' }, body: '' }, 400],
  ])('of %s', async (_, sent, status) => {
    expect((await alike('POST', '/files', sent)).status).toBe(status);
  });

  test('which says what the file is, and keeps its name', async () => {
    const { text } = await call('cube', 'POST', '/files', {
      form: () => form('picture.pdf', png, { type: 'application/pdf' }),
    });
    const made = JSON.parse(text) as { path: string; mime_type: string; size: number };
    expect(made).toMatchObject({ mime_type: 'image/png', size: png.length });
    expect(made.path).toMatch(/^uploads\/[0-9a-f-]{36}\/picture\.pdf$/);
    expect(readFileSync(join(services.folder, made.path)).equals(png)).toBe(true);
  });
});

describe('a row is answered alike', () => {
  test.each<[string, Parameters<PaperworkServices['addFile']>[2]]>([
    [
      'with everything',
      { size: 1, mimeType: 'text/plain', metadata: '{"n": 1.50}', createdAt: '2020-01-02 03:04:05.6Z' },
    ],
    ['with nothing', {}],
    ['of another age', { createdAt: '12024-01-01T00:00:00Z' }],
    ['of no age', { createdAt: 'infinity' }],
    ['with a number beyond a double', { metadata: '12345678901234567890.12345678901234567890' }],
  ])('%s', async (what, row) => {
    const id = await services.addFile(`rows/${what}`, null, row);
    expect((await alike('GET', `/files/${id}`)).status).toBe(200);
    await alike('HEAD', `/files/${id}`);
  });

  test.each(['0', '-1', '01', 'x', '1.5', '9223372036854775807', '9223372036854775808', '%00', '999999999', 'a%2Fb'])(
    'that is not there: %s',
    async (id) => {
      for (const path of [`/files/${id}`, `/files/${id}/content`, `/files/${id}/results`])
        expect((await alike('GET', path)).status).toBe(404);
      expect((await alike('DELETE', `/files/${id}`)).status).toBe(404);
      expect((await alike('GET', `/files/${id}/process/text`)).status).toBe(404);
    },
  );
});

describe('a content is answered alike, in the store and not,', () => {
  const text = Buffer.from('0123456789');
  test.each<[string, Record<string, string>, number]>([
    ['whole', {}, 200],
    ['by a range', { range: 'bytes=2-3' }, 206],
    ['by its last bytes', { range: 'bytes=-3' }, 206],
    ['by more than its last bytes', { range: 'bytes=-300' }, 206],
    ['from a place on', { range: 'bytes=9-' }, 206],
    ['by a range that ends beyond it', { range: 'bytes=9-99' }, 206],
    ['by a range beyond it', { range: 'bytes=10-' }, 416],
    ['by no bytes', { range: 'bytes=-0' }, 416],
    ['by two ranges', { range: 'bytes=0-1,3-4' }, 200],
    ['by a range that is none', { range: 'bytes=3-2' }, 200],
    ['by another unit', { range: 'lines=1-2' }, 200],
    ['by a number beyond all', { range: 'bytes=99999999999999999999-' }, 416],
    ['by the range of another', { range: 'bytes=2-3', 'if-range': '"x"' }, 200],
    ['by a range of a date', { range: 'bytes=2-3', 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 200],
    ['unless it is known', { 'if-none-match': '*' }, 304],
    ['unless another is known', { 'if-none-match': '"x"' }, 200],
    ['if it is another', { 'if-match': '"x"' }, 412],
  ])('%s', async (_, headers, status) => {
    const id = await services.addFile(`contents/${Math.random()}.txt`, text, { mimeType: 'text/plain' });
    for (const moved of [false, true]) {
      if (moved) await services.move(id);
      expect((await alike('GET', `/files/${id}/content`, { headers })).status).toBe(status);
      await alike('HEAD', `/files/${id}/content`, { headers });
    }
  });

  test('by its own tag', async () => {
    const id = await services.addFile('contents/tagged.txt', text);
    const { headers } = await alike('GET', `/files/${id}/content`);
    const tag = String(headers.etag);
    await services.move(id);
    for (const [sent, status] of [
      [{ 'if-none-match': `W/"a", W/${tag}` }, 304],
      [{ 'if-match': tag }, 200],
      [{ range: 'bytes=2-3', 'if-range': tag }, 206],
      [{ range: 'bytes=2-3', 'if-range': `W/${tag}` }, 200],
      [{ range: 'bytes=2-3', 'if-none-match': tag }, 304],
    ] as const)
      expect((await alike('GET', `/files/${id}/content`, { headers: sent })).status).toBe(status);
  });

  test.each<[string, Buffer, string | null, string]>([
    ['a PNG that is called a page', png, 'text/html', 'image/png'],
    ['a page that is called a PNG', Buffer.from('<script>'), 'image/png', 'text/plain'],
    ['nothing', Buffer.alloc(0), 'image/png', 'image/png'],
    ['a type that would be two headers', text, 'text/html\r\nset-cookie: a=1', 'text/plain'],
    ['a type of too many letters', text, `text/${'x'.repeat(300)}`, 'text/plain'],
    ['no type', text, null, 'text/plain'],
  ])('with the type of its bytes: %s', async (what, content, mimeType, type) => {
    const id = await services.addFile(`types/${what}`, content, { mimeType });
    for (const moved of [false, true]) {
      if (moved) await services.move(id);
      const { headers } = await alike('GET', `/files/${id}/content`);
      expect(headers).toMatchObject({ 'content-type': type, 'x-content-type-options': 'nosniff' });
    }
  });

  test.each([
    'a.txt',
    '한글 "따옴표".pdf',
    '한글.pdf'.normalize('NFD'),
    'a\r\nSet-Cookie: x=1',
    'a\u202etxt.exe',
    "a';b=c%2f.txt",
    ' ',
    '가'.repeat(85),
  ])('under its name: %j', async (name) => {
    const id = await services.addFile(`names/${name}`, text);
    const { headers } = await alike('GET', `/files/${id}/content`);
    const disposition = String(headers['content-disposition']);
    expect(disposition).toMatch(/^attachment; filename(?:\*=UTF-8''[\w!#$&+^`|~.%-]+$|=[^\r\n]+$)/);
    // No other character than printable ASCII.
    expect(disposition).toMatch(/^[\x20-\x7e]+$/);
  });

  test('when it cannot be read: 404, and its deletion touches nothing outside', async () => {
    const outside = join(services.folder, '..', 'outside.txt');
    await writeFile(outside, 'secret');
    await mkdir(join(services.folder, 'links'));
    await symlink(outside, join(services.folder, 'links', 'out'));
    await symlink('loop', join(services.folder, 'links', 'loop'));
    await mkdir(join(services.folder, 'folder'));
    const paths = [
      '../outside.txt',
      outside,
      'links/out',
      'links/loop',
      'folder',
      'gone',
      '',
      'a/../b',
      'x'.repeat(256),
      'a\\..',
    ];
    for (const path of paths) {
      const ids = [await services.addFile(path, null)];
      const [id] = ids;
      expect([path, (await alike('GET', `/files/${id}/content`)).status]).toEqual([path, 404]);
      expect([path, (await call('cube', 'DELETE', `/files/${id}`)).status]).toEqual([path, 204]);
    }
    expect(readFileSync(outside, 'utf8')).toBe('secret');
    expect(existsSync(join(services.folder, 'folder'))).toBe(true);
  });
});

describe('results are answered alike', () => {
  test('page by page', async () => {
    const id = await services.addFile('results.txt', Buffer.from('x'));
    await services.databases.legacy.query(
      `insert into paperwork_results (file_id, kind, result, created_at)
       select $1, 'text', jsonb_build_object('page', n, 'share', 1.50), now() from generate_series(1, 250) as n`,
      [id],
    );
    let path = `/files/${id}/results`;
    const seen: number[] = [];
    for (;;) {
      const page = JSON.parse((await alike('GET', path)).text) as { items: { id: number }[]; next_cursor: string };
      seen.push(...page.items.map((item) => item.id));
      if (page.next_cursor === null) break;
      path = `/files/${id}/results?cursor=${page.next_cursor}`;
    }
    expect(new Set(seen).size).toBe(250);
  });

  test.each(['x', '-1', '9223372036854775808', '1.5', '', '1&cursor=2'])('with the cursor %j', async (cursor) => {
    const id = await services.addFile(`results of ${cursor}`, null);
    await alike('GET', `/files/${id}/results?cursor=${cursor}`);
  });
});

describe('processing is answered alike', () => {
  const json = { 'content-type': 'application/json' };
  test.each<[Sent, number]>([
    [{ headers: json, body: '{"kind":"text"}' }, 202],
    [{ headers: json, body: '{"kind":"poem"}' }, 422],
    [{ headers: json, body: '{"kind":1}' }, 400],
    [{ headers: json, body: '{"kind":"text","more":1}' }, 400],
    [{ headers: json, body: '{' }, 400],
    [{ headers: json, body: '' }, 400],
    [{ headers: { 'content-type': 'text/plain' }, body: 'x' }, 415],
  ])('of %j', async (sent, status) => {
    const id = await services.addFile(`process/${Math.random()}`, Buffer.from('words'), { mimeType: 'text/plain' });
    expect((await call('legacy', 'POST', `/files/${id}/process`, sent)).status).toBe(status);
    expect((await call('cube', 'POST', `/files/${id}/process`, sent)).status).toBe(status);
  });

  test('how far it is', async () => {
    const id = await services.addFile('process/done.txt', Buffer.from('words'), { mimeType: 'text/plain' });
    await call('cube', 'POST', `/files/${id}/process`, { headers: json, body: '{"kind":"text"}' });
    await expect
      .poll(async () => (await call('cube', 'GET', `/files/${id}/process/text`)).text, { timeout: 20_000 })
      .toContain('"state":"done"');
    await alike('GET', `/files/${id}/process/text`);
    await alike('GET', `/files/${id}/process/ocr`);
    await alike('GET', `/files/${id}/process/poem`);
    expect(JSON.parse((await alike('GET', `/files/${id}/results`)).text)).toMatchObject({
      items: [{ kind: 'text', result: { text: 'words' } }],
    });
  });
});

test('a deletion takes results, row and file, on both sides', async () => {
  for (const side of ['legacy', 'cube'] as const) {
    const made = await call(side, 'POST', '/files', { form: () => form('gone.txt', 'x') });
    const { id, path } = JSON.parse(made.text) as { id: number; path: string };
    await services.databases.legacy.query(
      `insert into paperwork_results (file_id, kind, result) values ($1, 'text', '{}')`,
      [id],
    );
    const { status, text } = await call(side, 'DELETE', `/files/${id}`);
    expect([status, text]).toEqual([204, '']);
    expect(existsSync(join(services.folder, path, '..'))).toBe(false);
    const left = await services.databases.legacy.query('select from paperwork_results where file_id = $1', [id]);
    expect(left.rowCount).toBe(0);
    await alike('GET', `/files/${id}`);
    await alike('DELETE', `/files/${id}`);
  }
});

test('other paths and methods are answered alike', async () => {
  const id = await services.addFile('methods', null);
  for (const [method, path] of [
    ['GET', '/files'],
    ['PUT', '/files'],
    ['POST', `/files/${id}`],
    ['PATCH', `/files/${id}`],
    ['POST', `/files/${id}/content`],
    ['DELETE', `/files/${id}/content`],
    ['GET', `/files/${id}/process`],
    ['POST', `/files/${id}/process/text`],
    ['GET', '/nothing'],
    ['GET', `/files/${id}/`],
  ] as const)
    expect((await alike(method, path)).status).toBeGreaterThanOrEqual(404);
});

interface Sent {
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly form?: () => FormData;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';

async function alike(method: Method, path: string, sent: Sent = {}): Promise<ComparedAnswer> {
  const legacy = await call('legacy', method, path, sent);
  const cube = await call('cube', method, path, sent);
  expect([method, path, withoutNewParts(cube)]).toEqual([method, path, withoutNewParts(legacy)]);
  return cube;
}

/** Each upload has an id, a folder and a time of its own. */
function withoutNewParts({ status, headers, text }: ComparedAnswer): ComparedAnswer {
  if (status !== 201) return { status, headers, text };
  const { 'content-length': _, ...others } = headers;
  return {
    status,
    headers: others,
    text: text.replace(/^\{"id":\d+,"path":"uploads\/[0-9a-f-]{36}/, '').replace(/"created_at":"[^"]{27}"/, ''),
  };
}

async function call(
  side: 'legacy' | 'cube',
  method: Method,
  path: string,
  { headers = {}, body, form }: Sent = {},
): Promise<ComparedAnswer> {
  const content = form?.() ?? body;
  const answer = await send(services.urls[side] + path, {
    method,
    headers: { ...headers, ...(side === 'cube' ? { 'x-cube-token': paperworkToken() } : {}) },
    ...(content === undefined ? {} : { body: content }),
  });
  return comparedAnswer(answer);
}

function form(
  name: string,
  content: string | Buffer,
  { type = '', metadata, before = false }: { type?: string; metadata?: string; before?: boolean } = {},
): FormData {
  const made = new FormData();
  if (before && metadata !== undefined) made.set('metadata', metadata);
  made.set('file', new Blob([typeof content === 'string' ? content : new Uint8Array(content)], { type }), name);
  if (!before && metadata !== undefined) made.set('metadata', metadata);
  return made;
}

function fields(values: Readonly<Record<string, string>>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(values)) made.set(name, value);
  return made;
}

function twoFiles(): FormData {
  const made = form('a', 'x');
  made.append('file', new Blob(['y']), 'b');
  return made;
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}
