import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { metricsOf, startGateway, type TestGateway } from '../support/gateway.js';
import { paperworkToken } from '../support/paperwork-cube-here.js';
import { type PaperworkServices, startPaperworkServices } from '../support/paperwork-services.js';

/** Users at the gateway, all of them on the paperwork cube. */
let services: PaperworkServices;
let gateway: TestGateway;
const mebibyte = 1024 * 1024;

beforeAll(async () => {
  services = await startPaperworkServices();
  gateway = await startGateway({
    legacy: { paperwork: services.urls.legacy },
    cubes: [['paperwork-cube', [{ id: 'one', url: services.urls.cube }]]],
  });
  gateway.controls.weight(100);
});
afterAll(async () => {
  await gateway.stop();
  await services.close();
});
afterEach(async () => {
  await services.databases.legacy.query('drop function if exists refuse cascade');
});

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${gateway.url}/api/paperwork${path}`, { ...init, headers: { 'x-user-id': 'alice', ...init.headers } });

function upload(name: string, content: Buffer, type = ''): Promise<Response> {
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(content)], { type }), name);
  return ask('/files', { method: 'POST', body: form });
}

async function made(answer: Promise<Response>): Promise<{ id: number; path: string }> {
  const { status } = await answer;
  expect(status).toBe(201);
  return (await (await answer).json()) as { id: number; path: string };
}

async function contentOf(id: number | string, headers: Record<string, string> = {}): Promise<Buffer> {
  const answer = await ask(`/files/${id}/content`, { headers });
  expect([200, 206]).toContain(answer.status);
  expect(answer.headers.get('x-cube-target')).toBe('cube');
  return Buffer.from(await answer.arrayBuffer());
}

const sum = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/** Every file below legacy's folder, temporary ones included. */
const files = () =>
  readdirSync(services.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const rows = async () =>
  Number((await services.databases.legacy.query('select count(*) from paperwork_files')).rows[0].count);

/** Bytes of contents that the cube has read, by where. */
async function bytesFrom(source: 'store' | 'legacy'): Promise<number> {
  const text = await (await fetch(`${services.urls.cube}/metrics`)).text();
  return Number(text.split(`paperwork_cube_content_bytes_total{from="${source}"} `)[1]?.split('\n')[0] ?? 0);
}

describe('an upload', () => {
  test('is served as it was sent, whole and by ranges, and deleted with its folder', async () => {
    const content = randomBytes(3 * mebibyte + 1);
    const { id, path } = await made(upload('문서.pdf', content));
    expect(sum(await contentOf(id))).toBe(sum(content));
    expect(
      (await contentOf(id, { range: 'bytes=1000000-2000000' })).equals(content.subarray(1_000_000, 2_000_001)),
    ).toBe(true);
    expect(sum(readFileSync(join(services.folder, path)))).toBe(sum(content));
    expect((await ask(`/files/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await ask(`/files/${id}/content`)).status).toBe(404);
    expect(existsSync(join(services.folder, path, '..'))).toBe(false);
  });

  test('does not meet another one of the same name at the same time', async () => {
    const contents = Array.from({ length: 8 }, () => randomBytes(200_000));
    const both = await Promise.all(contents.map((content) => made(upload('same.bin', content))));
    expect(new Set(both.map(({ path }) => path)).size).toBe(8);
    for (const [at, { id }] of both.entries()) expect(sum(await contentOf(id))).toBe(sum(contents[at] as Buffer));
  });

  const size = 3 * mebibyte;
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="cut.bin"\r\n\r\n';
  const tail = '\r\n--b--\r\n';
  const body = Buffer.concat([Buffer.from(head), Buffer.alloc(size, 'a'), Buffer.from(tail)]);
  const cuts: readonly [string, number][] = [
    ['in its headers', 10],
    ['after a third', body.length / 3],
    ['after two thirds', (2 * body.length) / 3],
    ['before its last boundary', body.length - tail.length],
    ['within its last boundary', body.length - 4],
  ];
  test.each(cuts)('that is cut off %s leaves nothing: no row, no file, no folder', async (_, at) => {
    const before = { files: files(), rows: await rows() };
    const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    const headers = `POST /api/paperwork/files HTTP/1.1\r\nHost: a\r\nX-User-Id: alice\r\nContent-Type: multipart/form-data; boundary=b\r\n`;
    socket.write(`${headers}Content-Length: ${body.length}\r\n\r\n`);
    socket.write(body.subarray(0, Math.floor(at)));
    if (at > 100) await until('its first bytes to be there', () => files().length > before.files.length);
    await sleep(100);
    socket.destroy();
    await until('nothing to be left', () => files().length === before.files.length);
    await sleep(50);
    expect({ files: files(), rows: await rows() }).toEqual(before);
    const folders = readdirSync(join(services.folder, 'uploads'), { recursive: true, withFileTypes: true });
    for (const folder of folders.filter((entry) => entry.isDirectory() && entry.name !== '.receiving'))
      expect(readdirSync(join(folder.parentPath, folder.name))).not.toEqual([]);
  });

  test('whose row legacy refuses leaves no file, and says so', async () => {
    await services.databases.legacy.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23514'; end $$;
       create trigger refuse before insert on paperwork_files for each row execute function refuse()`,
    );
    const before = files();
    expect((await upload('refused.bin', Buffer.from('x'))).status).toBe(500);
    expect(files()).toEqual(before);
  });

  test('of whose row nothing is known any more keeps its file: the row may be there', async () => {
    await services.databases.legacy.query(
      `create function refuse() returns trigger language plpgsql as $$
         begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return new; end $$;
       create trigger refuse before insert on paperwork_files for each row execute function refuse()`,
    );
    const before = files();
    expect((await upload('lost.bin', Buffer.from('kept'))).status).toBe(503);
    const left = files().filter((file) => !before.includes(file));
    expect(left).toHaveLength(1);
    expect(readFileSync(left[0] ?? '', 'utf8')).toBe('kept');
  });

  test('while the folder is away is refused, and later ones are served', async () => {
    await rename(services.folder, `${services.folder}-away`);
    const answer = await upload('away.bin', Buffer.alloc(100_000));
    await rename(`${services.folder}-away`, services.folder);
    expect(answer.status).toBe(503);
    await made(upload('back.bin', Buffer.from('x')));
  });

  test('of a byte a second is received, and holds up none of a hundred others', async () => {
    const before = await rows();
    const slow = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    const part = `--b\r\nContent-Disposition: form-data; name="file"; filename="slow.txt"\r\n\r\nslowly\r\n--b--\r\n`;
    slow.write(
      `POST /api/paperwork/files HTTP/1.1\r\nHost: a\r\nX-User-Id: bob\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${part.length}\r\n\r\n${part.slice(0, -18)}`,
    );
    let answer = '';
    slow.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    const closed = once(slow, 'close');
    const rest = part.slice(-18);
    const trickle = async () => {
      for (const byte of rest.slice(0, 4)) {
        slow.write(byte);
        await sleep(1000);
      }
      slow.write(rest.slice(4));
    };
    const trickling = trickle();
    const begun = performance.now();
    let slowest = 0;
    const others = Array.from({ length: 100 }, async (_, client) => {
      const from = performance.now();
      const { id } = await made(upload(`other-${client}.bin`, randomBytes(20_000)));
      expect(await contentOf(id)).toHaveLength(20_000);
      slowest = Math.max(slowest, performance.now() - from);
    });
    await Promise.all(others);
    expect(performance.now() - begun).toBeLessThan(20_000);
    await trickling;
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(await rows()).toBe(before + 101);
    expect(slowest).toBeLessThan(20_000);
  });
});

describe('a download', () => {
  test('goes on to its end while its file is deleted', async () => {
    const content = randomBytes(30 * mebibyte);
    const { id } = await made(upload('deleted.bin', content));
    const answer = await ask(`/files/${id}/content`);
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    expect((await ask(`/files/${id}`, { method: 'DELETE' })).status).toBe(204);
    const hash = createHash('sha256').update(first?.value ?? Buffer.alloc(0));
    for (;;) {
      const { value, done = true } = (await reader?.read()) ?? {};
      if (done) break;
      hash.update(value ?? Buffer.alloc(0));
    }
    expect(hash.digest('hex')).toBe(sum(content));
    expect((await ask(`/files/${id}/content`)).status).toBe(404);
  });

  test('comes out of the store where the migration stored the file as it is', async () => {
    const content = randomBytes(600_000);
    const id = await services.addFile('moved.bin', content);
    await services.move(id);
    const before = await bytesFrom('store');
    expect(sum(await contentOf(id))).toBe(sum(content));
    expect((await contentOf(id, { range: 'bytes=300000-' })).equals(content.subarray(300_000))).toBe(true);
    expect((await bytesFrom('store')) - before).toBeGreaterThanOrEqual(900_000);
  });

  test.each<[string, (id: string, path: string) => Promise<unknown>]>([
    ['was changed', (_, path) => writeFile(join(services.folder, path), 'another content')],
    [
      'was replaced by one of its size',
      async (_, path) => {
        await writeFile(join(services.folder, `${path}.new`), 'ANOTHER content');
        await rename(join(services.folder, `${path}.new`), join(services.folder, path));
      },
    ],
    [
      'has another path',
      async (id, path) => {
        await writeFile(join(services.folder, `${path}-2`), 'moved on');
        await services.databases.legacy.query('update paperwork_files set path = $2 where id = $1', [id, `${path}-2`]);
      },
    ],
  ])('comes from legacy where the file %s since', async (what, change) => {
    const path = `since ${what}`;
    const id = await services.addFile(path, Buffer.from('a first content'));
    await services.move(id);
    await change(id, path);
    const row = await services.databases.legacy.query('select path from paperwork_files where id = $1', [id]);
    expect((await contentOf(id)).equals(readFileSync(join(services.folder, row.rows[0].path)))).toBe(true);
  });

  describe.each([
    ['a small content', 10_000],
    ['a content of one piece', 200_000],
    ['a large content', 2_000_000],
  ])('of %s', (_, size) => {
    test.each<[string, (blob: string) => void]>([
      ['a bit is flipped', (blob) => writeFileSync(blob, flipped(readFileSync(blob)))],
      ['the end is missing', (blob) => truncateSync(blob, size - 1)],
      ['nothing is there', (blob) => rmSync(blob)],
      ['another content is there', (blob) => writeFileSync(blob, randomBytes(size))],
      ['it is longer', (blob) => writeFileSync(blob, Buffer.concat([readFileSync(blob), Buffer.from('x')]))],
    ])("where in the store %s is never answered with other bytes than legacy's as a whole", async (what, damage) => {
      const content = randomBytes(size);
      const id = await services.addFile(`damaged ${what} ${size}`, content);
      damage(services.blobFile(await services.move(id)));
      const answered = await contentOf(id).catch(() => 'broken off' as const);
      if (size < 300_000 || what === 'nothing is there') expect(answered).not.toBe('broken off');
      if (answered !== 'broken off') expect(sum(answered)).toBe(sum(content));
      // From then on the folder gives it.
      expect(sum(await contentOf(id))).toBe(sum(content));
    });
  });

  test('comes from legacy while the cube database says nothing', async () => {
    const id = await services.addFile('without database', Buffer.from('words'));
    await services.move(id);
    await services.databases.cube.query('alter table paperwork.files rename to files_away');
    const answered = await contentOf(id).finally(() =>
      services.databases.cube.query('alter table paperwork.files_away rename to files'),
    );
    expect(answered.toString()).toBe('words');
  });
});

test('its writes can be tried: nothing stays of it', async () => {
  const before = { files: files(), rows: await rows() };
  const check = () =>
    fetch(`${services.urls.cube}/_cube/write-check`, {
      method: 'POST',
      headers: { authorization: `Bearer ${paperworkToken('migration:write', 'test')}` },
    }).then((answer) => answer.json());
  expect(await check()).toEqual({ writable: true, sentence: null });
  expect({ files: files(), rows: await rows() }).toEqual(before);
  await rename(services.folder, `${services.folder}-away`);
  const refused = await check().finally(() => rename(`${services.folder}-away`, services.folder));
  expect(refused).toMatchObject({ writable: false });
});

test('the comparison finds both sides equal, of contents in the store too, rows and results', async () => {
  const compared = await startGateway({
    legacy: { paperwork: services.urls.legacy },
    cubes: [['paperwork-cube', [{ id: 'one', url: services.urls.cube }]]],
    shadow: true,
  });
  const id = await services.addFile('한글 compared.bin', randomBytes(2 * mebibyte), { mimeType: 'application/pdf' });
  await services.move(id);
  const empty = await services.addFile('compared and empty', Buffer.alloc(0));
  const paths = [id, empty, '9999999'].flatMap((file) => [`${file}`, `${file}/content`, `${file}/results`]);
  for (const [at, path] of paths.entries()) {
    await (await fetch(`${compared.url}/api/paperwork/files/${path}`)).arrayBuffer();
    await until('the comparison', async () => {
      const counts = (await metricsOf(compared)).matchAll(/^gateway_shadow_compared_total\{.*\} (\d+)$/gm);
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0) === at + 1;
    });
  }
  expect(await metricsOf(compared)).not.toMatch(/gateway_shadow_(?:mismatched|noise)_total\{/);
  await compared.stop();
});

test('the weight decides which side serves', async () => {
  gateway.controls.weight(0);
  expect((await ask('/files/999')).headers.get('x-cube-target')).toBe('legacy');
  gateway.controls.weight(100);
  expect((await ask('/files/999')).headers.get('x-cube-target')).toBe('cube');
});

function flipped(content: Buffer): Buffer {
  const damaged = Buffer.from(content);
  damaged.writeUInt8(damaged.readUInt8(content.length / 2) ^ 1, content.length / 2);
  return damaged;
}
