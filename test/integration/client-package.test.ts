import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';

/** A frontend that has the package installed, and a gateway that answers it. */
let folder: string;
let gateway: Server;
let gatewayUrl: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-frontend-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageRoot(), join(folder, 'node_modules', 'cubeshift'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  gateway = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ asked: `${request.method} ${request.url}`, client: request.headers['x-cube-client'] }),
    );
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
afterAll(() => {
  gateway.closeAllConnections();
  gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the client finds its gateway and calls it where nothing of Node is', async () => {
  const printed = await run(`
    import { readFile } from 'node:fs/promises';
    import vm from 'node:vm';
    const page = { fetch, Headers, FormData, URL, URLSearchParams, AbortController, setTimeout, clearTimeout, performance };
    const context = vm.createContext({ ...page, location: { origin: '${gatewayUrl}' } });
    const loaded = new Map();
    const load = async (url) => {
      const made = new vm.SourceTextModule(await readFile(new URL(url), 'utf8'), { context, identifier: url });
      if (!loaded.has(url)) loaded.set(url, made);
      return loaded.get(url);
    };
    const client = await load(import.meta.resolve('cubeshift/client'));
    await client.link((specifier, { identifier }) => load(new URL(specifier, identifier).href));
    await client.evaluate();
    const { CubeAPIClient, CubeAPIError } = client.namespace;
    const cubes = new CubeAPIClient({ token: 'user-token' });
    console.log(JSON.stringify(await cubes.callSajuCube('calculate', { user_id: 'user-1' })));
    const aborted = await cubes.callSajuCube('x', {}, { signal: AbortSignal.abort() }).catch((error) => error);
    console.log(aborted instanceof CubeAPIError, aborted.failure.kind);
  `);
  const [answer = '', aborted] = printed.split('\n');
  expect(JSON.parse(answer)).toEqual({ asked: 'POST /api/saju/calculate', client: 'frontend-cube' });
  expect(aborted).toBe('true aborted');
});

test('the client finds its gateway by the environment, and refuses what is no address of one', async () => {
  const printed = await run(
    `import { CubeAPIClient } from 'cubeshift/client';
     console.log(JSON.stringify(await new CubeAPIClient().callCrawlerCube('jobs', undefined, { method: 'GET' })));
     for (const baseUrl of ['gateway', 'ftp://gateway', 'http://a:b@gateway', 'http://gateway/?x'])
       try { new CubeAPIClient({ baseUrl }); } catch (error) { console.log(error instanceof TypeError); }`,
    { NEXT_PUBLIC_API_GATEWAY_URL: `${gatewayUrl}/` },
  );
  const [answer = '', ...refused] = printed.trim().split('\n');
  expect(JSON.parse(answer)).toMatchObject({ asked: 'GET /api/crawler/jobs' });
  expect(refused).toEqual(['true', 'true', 'true', 'true']);
});

test('a frontend compiles against the types that the package publishes', () => {
  const options = {
    noEmit: true,
    strict: true,
    module: 'nodenext',
    target: 'es2022',
    types: [],
    lib: ['es2022', 'dom'],
    // TypeScript's own libraries are not what is tested, and take most of the time.
    skipDefaultLibCheck: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['page.ts'] }));
  writeFileSync(
    join(folder, 'page.ts'),
    `import { CubeAPIClient, CubeAPIError, type SajuRecord } from 'cubeshift/client';
     const client = new CubeAPIClient();
     export async function hourOf(id: number): Promise<string | null> {
       const record: SajuRecord = await client.callSajuCube(\`records/\${id}\`, undefined, { method: 'GET' });
       return record.hour_pillar;
     }
     export const fieldOf = (error: unknown) => (error instanceof CubeAPIError ? error.problem?.field : undefined);
     // @ts-expect-error: an interpretation is a text or null.
     void client.callSajuCube('records/5', { interpretation: 5 }, { method: 'PATCH' });`,
  );
  const compiler = join(packageRoot(), 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, status } = spawnSync(process.execPath, [compiler], { cwd: folder, encoding: 'utf8' });
  expect([stdout, status]).toEqual(['', 0]);
});

/** What a module prints that runs by itself in the frontend's folder. */
async function run(source: string, environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const program = spawn(
    process.execPath,
    ['--experimental-vm-modules', '--no-warnings', '--input-type=module', '--eval', source],
    {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let printed = '';
  for await (const chunk of program.stdout) printed += String(chunk);
  return printed;
}
