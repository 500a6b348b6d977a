import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { StackHome } from '../../src/state/home.js';
import { runCommand, type Said } from '../support/command-line.js';
import { canBeStranger, listeningStranger } from '../support/stranger.js';

/** The state folder of a stack outlives a crash, and with it the address of a control API that is down. */
const secret = 'a secret of thirty-two bytes or more';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-control-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function cubeshift(url: string, ...args: readonly string[]): Promise<Said> {
  new StackHome(folder).recordEnvironment({ CONTROL_URL: url, CUBE_JWT_SECRET: secret });
  return runCommand(args, { CUBESHIFT_HOME: folder });
}

describe.skipIf(!canBeStranger)("another user's program on the control API's port", () => {
  test.each([
    ['a listing', ['migrate', 'list'], exitCodes.unreachable],
    ['a change', ['migrate', 'pause', 'first'], exitCodes.unreachable],
    ['a completion', ['__complete', '--', 'migrate', 'status', ''], exitCodes.done],
  ] as const)('receives nothing from %s', async (_, args, code) => {
    const stranger = await listeningStranger();
    const said = await cubeshift(`http://127.0.0.1:${stranger.port}`, ...args);
    const heard = await stranger.told();
    expect(heard).toContain('somebody came');
    expect(heard.replaceAll('somebody came', '')).toBe('');
    expect(said).toEqual({
      code,
      stdout: '',
      stderr:
        code === exitCodes.done
          ? ''
          : `Port ${stranger.port} of 127.0.0.1 is held by another user's program (user id 65534), not by the stack's control API: it received nothing.
Nothing was changed; migrations and ramps that have begun continue.
Type \`cubeshift down\`, then \`cubeshift up\`: it chooses another port when this one is taken.
`,
    });
  });

  test('receives nothing from `status`, which says so', async () => {
    const stranger = await listeningStranger();
    const said = await cubeshift(`http://127.0.0.1:${stranger.port}`, 'status', '--json');
    expect((await stranger.told()).replaceAll('somebody came', '')).toBe('');
    expect(said.code).toBe(exitCodes.unreachable);
    expect(JSON.parse(said.stdout)).toMatchObject({
      control: null,
      unread: [{ message: expect.stringContaining("not by the stack's control API: it received nothing") }],
    });
  });
});

describe.each([['127.0.0.1'], ['::1']])('a control API of this user at %s', (host) => {
  let server: Server;
  let requests: Readonly<Record<'method' | 'path' | 'permissions', unknown>>[];

  beforeEach(async () => {
    requests = [];
    server = createServer(({ method, url, headers }, response) => {
      const [, payload] = headers.authorization?.split('.') ?? [];
      const permissions = payload && JSON.parse(Buffer.from(payload, 'base64url').toString()).permissions;
      requests.push({ method, path: url, permissions });
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ status: 'ok', version: '1', dependencies: {}, items: [], sentence: '', steps: [] }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
  });
  afterEach(() => void server.close());

  const urlOf = () => `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;

  test('is sent no token for its health, and one that can only read for what reads', async () => {
    await cubeshift(urlOf(), 'status');
    await cubeshift(urlOf(), '__complete', '--', 'migrate', 'status', '');
    const reads = { method: 'GET', permissions: ['migration:read'] };
    expect(requests).toEqual([
      { method: 'GET', path: '/health', permissions: undefined },
      expect.objectContaining(reads),
      expect.objectContaining(reads),
      { ...reads, path: '/v1/migrations' },
    ]);
  });

  test.each([
    ['no secret', {}],
    ["the stack's secret, as `env` prints it", { CUBE_JWT_SECRET: secret }],
  ])('is sent no token of the stack where the caller names it by CONTROL_URL, with %s', async (_, variables) => {
    const home = new StackHome(folder);
    home.recordEnvironment({ CONTROL_URL: 'http://127.0.0.1:1', CUBE_JWT_SECRET: secret });
    home.recordEmbeddedValues({ CUBE_JWT_SECRET: [secret] });
    for (const words of [
      ['migrate', 'list'],
      ['migrate', 'pause', 'first'],
    ]) {
      const said = await runCommand(words, { CUBESHIFT_HOME: folder, CONTROL_URL: urlOf(), ...variables });
      expect(said).toEqual({
        code: exitCodes.usage,
        stdout: '',
        stderr: `CONTROL_URL names ${urlOf()}, and no variable has the secret of that control API.
No token was sent there, and nothing was changed.
Set CUBE_JWT_SECRET to the secret that it was started with, or type \`unset CONTROL_URL\` for the stack in ${folder}.
`,
      });
    }
    expect(requests).toEqual([]);
    const own = { CUBE_JWT_SECRET: 'another secret, which is the own one of the caller' };
    await runCommand(['migrate', 'list'], { CUBESHIFT_HOME: folder, CONTROL_URL: urlOf(), ...own });
    expect(requests).toMatchObject([{ method: 'GET', path: '/v1/migrations', permissions: ['migration:read'] }]);
  });

  test('is sent a token that can write for what changes something', async () => {
    await cubeshift(urlOf(), 'cubes', 'rollback', 'saju-cube');
    expect(requests).toEqual([
      { method: 'POST', path: '/v1/cubes/saju-cube/rollback', permissions: ['migration:read', 'migration:write'] },
    ]);
  });
});
