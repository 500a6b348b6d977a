import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type pg from 'pg';
import { request as send } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedPaperwork } from '../../legacy/paperwork/expected.js';
import { resultsPerPage } from '../../src/domain/paperwork/legacy-result.js';
import type { UploadLimits } from '../../src/domain/paperwork/upload.js';
import { replaceKeepingSizeAndTime } from './changing-files.js';
import type { PaperworkTree } from './paperwork-tree.js';

/** A paperwork service over legacy's tables and files, with all special files in them. */
export interface PaperworkService {
  readonly url: string;
  /** What its callers send, such as a token. */
  readonly headers: Readonly<Record<string, string>>;
  readonly legacy: pg.Pool;
  readonly tree: PaperworkTree;
  close(): Promise<void>;
}

export const limitsOfContract: UploadLimits = { maxFileBytes: 8 * 1024 * 1024, maxMetadataBytes: 4096 };

/** Headers that belong to one answer, and say nothing of what it holds. */
const ofOneAnswer = ['date', 'connection', 'keep-alive', 'x-request-id', 'traceparent'];

/** What legacy's service and the cube both answer: a client cannot tell which of them served it. */
export function describePaperworkService(start: () => Promise<PaperworkService>): void {
  let service: PaperworkService;
  beforeAll(async () => {
    service = await start();
  });
  afterAll(() => service.close());

  async function call(method: Method, path: string, sent: Sent = {}): Promise<Answer> {
    const answer = await send(service.url + path, {
      method,
      headers: { ...service.headers, ...sent.headers },
      ...(sent.body === undefined ? {} : { body: sent.body }),
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers as Answer['headers'], bytes, text: bytes.toString() };
  }
  const json = (body: unknown): Sent => ({
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const upload = (parts: readonly Part[]) => {
    const form = multipart(parts);
    return call('POST', '/files', form);
  };
  async function uploaded(name: string, content: string | Buffer): Promise<FileAnswer> {
    const { status, text } = await upload([{ field: 'file', name, content }]);
    expect([status, text]).toEqual([201, expect.any(String)]);
    return JSON.parse(text) as FileAnswer;
  }
  const idOf = (special: string) => service.tree.paperwork.specialFiles.get(special) ?? expect.fail(special);
  const rowsNow = async () =>
    Number((await service.legacy.query('select count(*)::int as n from paperwork_files')).rows[0].n);
  /** Folders of uploads, and files that are being received. */
  const uploadsNow = () => {
    const folder = join(service.tree.files, 'uploads');
    const entries = existsSync(folder) ? readdirSync(folder) : [];
    const receiving = entries.includes('.receiving') ? readdirSync(join(folder, '.receiving')).length : 0;
    return entries.filter((name) => name !== '.receiving').length + receiving;
  };

  describe('an upload', () => {
    test.each<[string, readonly Part[]]>([
      [
        'with metadata after the file',
        [{ field: 'file', name: 'a.txt', content: '내용' }, metadataPart('{"a": 1.50, "b": null}')],
      ],
      [
        'with metadata before the file',
        [metadataPart('{"a": 1.50, "b": null}'), { field: 'file', name: 'a.txt', content: '내용' }],
      ],
    ])('%s is answered with its row, and comes back byte for byte', async (_, parts) => {
      const { status, headers, text } = await upload(parts);
      expect([status, headers['content-type']]).toEqual([201, 'application/json; charset=utf-8']);
      const file = JSON.parse(text) as FileAnswer;
      expect(Object.keys(file)).toEqual(['id', 'path', 'size', 'mime_type', 'metadata', 'created_at']);
      expect(file).toMatchObject({
        path: expect.stringMatching(/^uploads\/[0-9a-f-]{36}\/a\.txt$/),
        size: 6,
        mime_type: 'text/plain',
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      });
      expect(text).toContain('"metadata":{"a": 1.50, "b": null}');
      expect((await call('GET', `/files/${file.id}`)).text).toBe(text);
      expect((await call('GET', `/files/${file.id}/content`)).text).toBe('내용');
      expect(readFileSync(join(service.tree.files, file.path), 'utf8')).toBe('내용');
      const { rows } = await service.legacy.query('select path, size::int from paperwork_files where id = $1', [
        file.id,
      ]);
      expect(rows).toEqual([{ path: file.path, size: 6 }]);
    });

    test.each([
      '각서.txt'.normalize('NFC'),
      '각서.txt'.normalize('NFD'),
      ' spaces ',
      "quote's.txt",
      'back\\slash.txt',
      '%2e%2e%2f.txt',
      '...',
      '-rf *',
      '👨‍👩‍👧‍👦.txt',
      '\u202egnp.exe',
      `${'가'.repeat(84)}abc`,
      '.part',
    ])('named %j is stored under that name', async (name) => {
      const { path, id } = await uploaded(name, name);
      expect(path.slice(path.lastIndexOf('/') + 1)).toBe(name);
      expect(readdirSync(join(service.tree.files, path, '..'))).toEqual([name]);
      expect((await call('GET', `/files/${id}/content`)).text).toBe(name);
    });

    test('of no bytes, and of as many as are allowed, is stored', async () => {
      for (const size of [0, limitsOfContract.maxFileBytes]) {
        const content = randomBytes(size);
        const { id } = await uploaded('size.bin', content);
        const { bytes } = await call('GET', `/files/${id}/content`);
        expect([bytes.length, sumOf(bytes)]).toEqual([size, sumOf(content)]);
      }
    });

    test('twice under one name at the same time becomes two files', async () => {
      const files = await Promise.all(['one', 'two', 'three'].map((content) => uploaded('same.txt', content)));
      expect(new Set(files.map(({ path }) => path)).size).toBe(3);
      const contents = await Promise.all(files.map(({ id }) => call('GET', `/files/${id}/content`)));
      expect(contents.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
    });

    const file: Part = { field: 'file', name: 'a.txt', content: 'x' };
    test.each<[string, number, string, readonly Part[]]>([
      ['no part', 400, 'file', []],
      ['no file', 400, 'file', [metadataPart('{}')]],
      ['a field file without a file', 400, 'file', [{ field: 'file', content: 'x' }]],
      ['two files', 400, 'body', [file, file]],
      ['a file under another name', 400, 'document', [{ ...file, field: 'document' }]],
      ['an unknown field', 400, 'owner', [file, { field: 'owner', content: 'x' }]],
      ['metadata twice', 400, 'body', [metadataPart('{}'), metadataPart('{}'), file]],
      ['metadata that are no JSON', 400, 'metadata', [file, metadataPart('{a}')]],
      ['metadata with a NUL', 422, 'metadata', [file, metadataPart('{"a": "\\u0000"}')]],
      ['metadata beyond the limit', 413, 'metadata', [file, metadataPart(`"${'x'.repeat(4096)}"`)]],
      ['a file beyond the limit', 413, 'file', [{ ...file, content: Buffer.alloc(8 * 1024 * 1024 + 1) }]],
      ['a file far beyond the limit', 413, 'file', [{ ...file, content: Buffer.alloc(12 * 1024 * 1024) }]],
      ['a name without a letter', 422, 'file', [{ ...file, name: '' }]],
      ['a path for a name', 422, 'file', [{ ...file, name: '../../a.txt' }]],
      ['a folder for a name', 422, 'file', [{ ...file, name: '..' }]],
      ['a name of 256 bytes', 422, 'file', [{ ...file, name: `${'가'.repeat(85)}a` }]],
    ])('with %s is %d, and leaves nothing', async (_, status, field, parts) => {
      const before = [await rowsNow(), uploadsNow()];
      const answer = await upload(parts);
      expect([answer.status, answer.headers['content-type']]).toEqual([
        status,
        'application/problem+json; charset=utf-8',
      ]);
      expect(JSON.parse(answer.text)).toMatchObject({ type: 'invalid_input', status, field });
      expect([await rowsNow(), uploadsNow()]).toEqual(before);
      await uploaded('after.txt', 'the next request is served');
    });

    test.each<[string, number, Sent]>([
      ['JSON', 415, json({})],
      ['a form without a boundary', 415, { headers: { 'content-type': 'multipart/form-data' }, body: 'x' }],
      ['what is no form', 400, { headers: { 'content-type': 'multipart/form-data; boundary=b' }, body: 'x' }],
      ['half a form', 400, halfForm()],
    ])('of %s is %d', async (_, status, sent) => {
      const before = [await rowsNow(), uploadsNow()];
      expect((await call('POST', '/files', sent)).status).toBe(status);
      expect([await rowsNow(), uploadsNow()]).toEqual(before);
    });

    test.each([0.1, 1 / 3, 2 / 3, 0.999])('whose client goes away after %d of it leaves nothing', async (share) => {
      const before = [await rowsNow(), uploadsNow()];
      const { headers, body } = multipart([{ field: 'file', name: 'cut.bin', content: randomBytes(3_000_000) }]);
      const { hostname, port } = new URL(service.url);
      const socket = connect(Number(port), hostname);
      const lines = Object.entries({ ...service.headers, ...headers, 'content-length': String(body.length) });
      socket.write(
        `POST /files HTTP/1.1\r\nhost: a\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
      );
      socket.write(body.subarray(0, Math.floor(body.length * share)));
      await expect.poll(uploadsNow).toBe((before[1] ?? 0) + 1);
      socket.destroy();
      await expect.poll(uploadsNow).toBe(before[1]);
      expect(await rowsNow()).toBe(before[0]);
    });
  });

  describe('a content', () => {
    const content = Buffer.from('0123456789');
    let id: number;
    let tag: string;
    beforeAll(async () => {
      ({ id } = await uploaded('숫자.txt', content));
      tag = String((await call('GET', `/files/${id}/content`)).headers.etag);
    });
    const get = (headers: Readonly<Record<string, string>>, method: Method = 'GET') =>
      call(method, `/files/${id}/content`, { headers });

    test.each([
      [{}, 200, '0123456789', undefined],
      [{ range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
      [{ range: 'bytes=8-' }, 206, '89', 'bytes 8-9/10'],
      [{ range: 'bytes=-2' }, 206, '89', 'bytes 8-9/10'],
      [{ range: 'bytes=-200' }, 206, '0123456789', 'bytes 0-9/10'],
      [{ range: 'bytes=5-500' }, 206, '56789', 'bytes 5-9/10'],
      [{ range: 'bytes=4-2' }, 200, '0123456789', undefined],
      [{ range: 'bytes=0-1,4-5' }, 200, '0123456789', undefined],
      [{ range: 'lines=0-1' }, 200, '0123456789', undefined],
      [{ range: 'bytes=0-1', 'if-range': '"another"' }, 200, '0123456789', undefined],
    ])('with %j is %d %s', async (headers, status, text, range) => {
      const answer = await get(headers);
      expect([answer.status, answer.text, answer.headers['content-range']]).toEqual([status, text, range]);
      expect(answer.headers).toMatchObject({
        etag: tag,
        'accept-ranges': 'bytes',
        'content-length': String(text.length),
      });
    });

    test('has headers that make a browser save it under its name and run nothing of it', async () => {
      const { headers } = await get({});
      expect(headers).toMatchObject({
        'content-type': 'text/plain',
        'content-disposition': `attachment; filename="??.txt"; filename*=UTF-8''${encodeURIComponent('숫자.txt')}`,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
      });
    });

    test('is not sent again to a client that has it', async () => {
      for (const known of [tag, `W/${tag}`, `"another", ${tag}`, '*']) {
        const answer = await get({ 'if-none-match': known });
        expect([answer.status, answer.text, answer.headers.etag]).toEqual([304, '', tag]);
      }
      expect((await get({ 'if-none-match': '"another"' })).status).toBe(200);
      expect((await get({ 'if-match': '"another"' })).status).toBe(412);
      expect((await get({ 'if-match': tag, range: 'bytes=0-0', 'if-range': tag })).text).toBe('0');
    });

    test.each(['bytes=10-', 'bytes=-0', 'bytes=99999999999999999999-'])('beyond its end, %s, is 416', async (range) => {
      const answer = await get({ range });
      expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */10']);
      expect(JSON.parse(answer.text)).toMatchObject({ field: 'range' });
    });

    test('at HEAD is its headers alone', async () => {
      const [head, whole] = [await get({}, 'HEAD'), await get({})];
      expect([head.status, head.text]).toEqual([200, '']);
      const ofContent = (headers: Answer['headers']) =>
        Object.fromEntries(Object.entries(headers).filter(([name]) => !ofOneAnswer.includes(name)));
      expect(ofContent(head.headers)).toEqual(ofContent(whole.headers));
      expect(head.headers['content-length']).toBe('10');
    });

    test('has another tag once the file was replaced by one of the same size and time', async () => {
      const replaced = idOf('replaced');
      const before = await call('GET', `/files/${replaced}/content`);
      replaceKeepingSizeAndTime(join(service.tree.files, service.tree.pathOf('replaced')), before.bytes.fill('new '));
      const after = await call('GET', `/files/${replaced}/content`);
      expect(after.bytes.subarray(0, 4).toString()).toBe('new ');
      expect(after.headers.etag).not.toBe(before.headers.etag);
    });

    test('is sent to its end though the file is deleted meanwhile', async () => {
      const large = randomBytes(8 * 1024 * 1024);
      const { id: going, path } = await uploaded('going.bin', large);
      const answer = await send(`${service.url}/files/${going}/content`, { headers: service.headers });
      expect((await call('DELETE', `/files/${going}`)).status).toBe(204);
      expect(existsSync(join(service.tree.files, path))).toBe(false);
      expect(sumOf(Buffer.from(await answer.body.arrayBuffer()))).toBe(sumOf(large));
    });
  });

  describe('the special files of legacy', () => {
    const { files } = expectedPaperwork();
    const names = Object.keys(files).filter((name) => files[name]?.outcome !== 'none' && name !== 'large');
    const absent = ['path_invalid', 'path_outside', 'file_missing', 'not_a_file'];

    test.each(names)('%s: its row, and its content or 404', async (name) => {
      const row = await call('GET', `/files/${idOf(name)}`);
      expect(row.status).toBe(200);
      expect(JSON.parse(row.text)).toMatchObject({ path: service.tree.pathOf(name) });
      const { outcome = '', sha256, needs } = files[name] ?? {};
      const answer = await call('GET', `/files/${idOf(name)}/content`);
      if (absent.includes(outcome)) return expect([answer.status, answer.headers.etag]).toEqual([404, undefined]);
      if (needs?.user !== undefined && process.getuid?.() !== 0) return expect(answer.status).toBe(404);
      expect(answer.status).toBe(200);
      if (sha256 !== undefined && needs?.writer === undefined) expect(sumOf(answer.bytes)).toBe(sha256);
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.headers['x-injected']).toBeUndefined();
      expect(answer.headers['content-disposition']).toMatch(/^attachment; filename/);
    });

    test('a content has the type of its bytes where its row says another', async () => {
      const { headers } = await call('GET', `/files/${idOf('lies-png-as-pdf')}/content`);
      expect(headers).toMatchObject({ 'content-type': 'image/png', 'x-content-type-options': 'nosniff' });
    });

    test('times and numbers are written as the table has them', async () => {
      expect((await call('GET', `/files/${idOf('metadata-number')}`)).text).toContain(
        '"metadata":12345678901234567890.123456789012345678901,',
      );
      const createdOf = async (name: string) => JSON.parse((await call('GET', `/files/${idOf(name)}`)).text).created_at;
      expect(await createdOf('created-infinite')).toBe('infinity');
      expect(await createdOf('created-null')).toBeNull();
      expect(await createdOf('created-microseconds')).toBe('2019-12-31T23:59:59.999999Z');
    });
  });

  describe('deleting', () => {
    test('removes results, row and file, and is 404 from then on', async () => {
      const { id, path } = await uploaded('gone.txt', 'x');
      await service.legacy.query(`insert into paperwork_results (file_id, kind) values ($1, 'text')`, [id]);
      const answer = await call('DELETE', `/files/${id}`);
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect(existsSync(join(service.tree.files, path, '..'))).toBe(false);
      const { rowCount } = await service.legacy.query('select from paperwork_results where file_id = $1', [id]);
      expect(rowCount).toBe(0);
      for (const [method, at] of [
        ['DELETE', ''],
        ['GET', ''],
        ['GET', '/content'],
        ['GET', '/results'],
      ] as const)
        expect((await call(method, `/files/${id}${at}`)).status).toBe(404);
    });

    test.each(['outside-link', 'outside-folder', 'path-up', 'path-up-and-down', 'folder', 'path-of-the-folder-itself'])(
      'a row without a file inside touches nothing: %s',
      async (name) => {
        const outside = () => [...service.tree.lines(Buffer.from(join(service.tree.root, 'outside')))];
        const before = outside();
        expect((await call('DELETE', `/files/${idOf(name)}`)).status).toBe(204);
        expect(outside()).toEqual(before);
        for (const path of ['오류/폴더', '오류/있음.txt'])
          expect(existsSync(join(service.tree.files, path))).toBe(true);
      },
    );
  });

  describe('processing', () => {
    test('is accepted, and says how far it is until it has a result', async () => {
      const { id } = await uploaded('글.txt', '본문\n');
      expect((await call('GET', `/files/${id}/process/text`)).status).toBe(404);
      const accepted = await call('POST', `/files/${id}/process`, json({ kind: 'text' }));
      expect(accepted.status).toBe(202);
      const view = { kind: 'text', state: expect.stringMatching(/^(queued|waiting|running|done)$/), reason: null };
      expect(JSON.parse(accepted.text)).toMatchObject(view);
      const state = async () => JSON.parse((await call('GET', `/files/${id}/process/text`)).text);
      await expect
        .poll(state, { timeout: 20_000 })
        .toEqual({ kind: 'text', state: 'done', page: 1, pages: 1, reason: null });
      const { items, next_cursor } = JSON.parse((await call('GET', `/files/${id}/results`)).text);
      expect(items).toEqual([
        {
          id: expect.any(Number),
          kind: 'text',
          result: expect.objectContaining({ text: '본문\n' }),
          created_at: expect.any(String),
        },
      ]);
      expect(next_cursor).toBeNull();
    });

    test('that is not possible fails with a reason', async () => {
      const id = idOf('file-gone');
      expect((await call('POST', `/files/${id}/process`, json({ kind: 'text' }))).status).toBe(202);
      const state = async () => JSON.parse((await call('GET', `/files/${id}/process/text`)).text);
      await expect
        .poll(state, { timeout: 20_000 })
        .toMatchObject({ state: 'failed', reason: expect.stringMatching(/^[a-z_]+$/) });
    });

    test.each<[unknown, number]>([
      [{ kind: 'speech' }, 422],
      [{ kind: 1 }, 400],
      [{}, 400],
      [[], 400],
      ['{', 400],
      ['', 400],
    ])('of %j is refused with %d', async (body, status) => {
      const answer = await call('POST', `/files/${idOf('empty')}/process`, json(body));
      expect([answer.status, JSON.parse(answer.text).type]).toEqual([status, 'invalid_input']);
    });

    test('of no file, and of a kind that there is not, is 404', async () => {
      expect((await call('POST', '/files/999999999/process', json({ kind: 'text' }))).status).toBe(404);
      expect((await call('GET', `/files/${idOf('empty')}/process/speech`)).status).toBe(404);
    });
  });

  describe('results', () => {
    test('are listed page by page, by id', async () => {
      const { id } = await uploaded('many.txt', 'x');
      const text = `insert into paperwork_results (file_id, kind, result) select $1, 'text', jsonb_build_object('n', n)
        from generate_series(1, ${resultsPerPage * 2 + 1}) as n`;
      await service.legacy.query(text, [id]);
      const seen: number[] = [];
      let path = `/files/${id}/results`;
      for (;;) {
        const { items, next_cursor } = JSON.parse((await call('GET', path)).text);
        seen.push(...items.map((item: { result: { n: number } }) => item.result.n));
        if (next_cursor === null) break;
        path = `/files/${id}/results?cursor=${next_cursor}`;
      }
      expect(seen).toEqual(Array.from({ length: resultsPerPage * 2 + 1 }, (_, at) => at + 1));
    });

    test.each(['x', '-1', '1.5', '', '9'.repeat(30)])('with the cursor %j are refused', async (cursor) => {
      const answer = await call('GET', `/files/${idOf('empty')}/results?cursor=${cursor}`);
      expect([answer.status, JSON.parse(answer.text).field]).toEqual([400, 'cursor']);
    });
  });

  test.each(['0', '-1', 'x', '1.5', '999999999', '9'.repeat(30), '%00'])('there is no file %s', async (id) => {
    for (const at of ['', '/content', '/results', '/process/text'])
      expect((await call('GET', `/files/${id}${at}`)).status).toBe(404);
  });

  test('another method is 405, another path 404', async () => {
    for (const [method, path] of [
      ['PUT', '/files'],
      ['PATCH', '/files/1'],
      ['POST', '/files/1/content'],
      ['DELETE', '/files/1/results'],
    ] as const)
      expect((await call(method, path)).status).toBe(405);
    expect((await call('GET', '/nothing')).status).toBe(404);
  });
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
}

interface FileAnswer {
  readonly id: number;
  readonly path: string;
  readonly size: number;
}

interface Part {
  readonly field: string;
  readonly name?: string;
  readonly content: string | Buffer;
}

function metadataPart(content: string): Part {
  return { field: 'metadata', content };
}

/** A form as browsers write it. */
function multipart(parts: readonly Part[]) {
  const boundary = 'x-boundary-of-a-test';
  const pieces = parts.flatMap(({ field, name, content }) => {
    const file = name === undefined ? '' : `; filename="${name}"`;
    const type = name === undefined ? '' : 'Content-Type: text/plain\r\n';
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"${file}\r\n${type}\r\n`;
    return [Buffer.from(head), Buffer.from(content), Buffer.from('\r\n')];
  });
  const body = Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
  return { headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body };
}

/** One whose body ends before its last boundary, as its length says. */
function halfForm(): Sent {
  const { headers, body } = multipart([{ field: 'file', name: 'half.bin', content: Buffer.alloc(100_000) }]);
  return { headers, body: body.subarray(0, 50_000) };
}

function sumOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
