// Builds the programs: each entry point with all that it needs in a few files, so that it starts in a third to a half
// less time than a thousand small modules take. Types are looked at by scripts/check.mjs.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { rolldown } from 'rolldown';
import { builtFrom } from './built-from.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

/** Stays outside: it loads files of its own by their place (worker threads, a native library, the plans). */
const temporal = /^@temporalio\//;
/** Stays outside for the same reason: its library of machine code is a file of its own. */
const runtime = /^onnxruntime-node/;
/** Stays outside for the same reason: its page is files of its own. */
const page = '@fastify/swagger-ui';
/** Stay outside for the same reason: machine code, programs of threads, fonts, data of languages. */
const documents = /^(@napi-rs\/canvas|iconv-lite|mammoth|pdfjs-dist|read-excel-file|tesseract\.js)/;
/** Optional packages that are not installed. */
const absent = ['pg-native', 'pg-cloudflare'];

/** What tests and scripts use as it is built, besides the programs. */
const parts = [
  'src/services/control/program',
  'src/workers/control-worker',
  'src/workers/bulk-worker',
  'src/workers/documents-worker',
  'src/workers/crawler-worker',
  'src/workers/run-worker',
  'src/state/home',
  'src/cli/output',
  'src/base/failures',
  'src/models/model-process',
  'src/documents/document-pool',
  'src/storage/folder-store',
  'src/storage/s3-store',
  'src/config/variables',
  'src/config/variables-in-korean',
  'src/stack/downloads/fetch',
  'src/storage/inside-folder',
  'src/redis/connection',
  'src/domain/crawler/allowed-targets',
  'src/crawler/fetching/host-pace',
  'src/crawler/fetching/fetcher',
];

/** What the programs of a folder have in common is in `shared` next to them; folders share nothing. */
const groups = [
  {
    folder: 'src',
    programs: [
      'src/cli/main',
      'src/workers/control',
      'src/workers/bulk',
      'src/workers/documents',
      'src/workers/crawler',
      'src/stack/temporal/front',
      'src/stack/database-setup',
      'src/models/main',
      'src/documents/main',
      'src/storage/threads/main',
      'src/crawler/extracting/main',
      ...servicePrograms(),
      ...parts,
    ],
  },
  { folder: 'legacy', programs: ['legacy/main', 'legacy/crawler-site', 'legacy/scanned-pages/index', ...standIns()] },
  { folder: 'demo', programs: ['demo/main', 'demo/faulty-saju-cube'] },
  { folder: 'bench', programs: ['bench/main'] },
];
/** A browser's, and the plans': nothing of Node's may be in them. */
const pure = [
  { folder: 'src', programs: ['src/client/index'] },
  // Together: what both import is in the bundle of the plans once.
  { folder: 'src', programs: ['src/workflows/index', 'src/workflows/interceptors'], shared: 'src/workflows/shared' },
];

const quiet = Object.fromEntries(['log', 'trace', 'debug', 'info', 'warn'].map((level) => [level, () => undefined]));

/** `only`: the folders that are built, by default all that are there. */
async function build(only) {
  const isBuilt = ({ folder }) => existsSync(join(root, folder)) && (only.length === 0 || only.includes(folder));
  for (const { folder } of groups.filter(isBuilt)) rmSync(join(dist, folder), { recursive: true, force: true });
  for (const group of groups.filter(isBuilt)) await bundle(group, 'node');
  for (const group of pure.filter(isBuilt)) await bundle(group, 'neutral');
  if (isBuilt({ folder: 'src' })) {
    await bundleWorkflows();
    await writeFile(join(dist, 'src', 'build.json'), `${JSON.stringify(builtFrom(root))}\n`);
  }
}

async function bundle({ folder, programs, shared = `${folder}/shared` }, platform) {
  const made = await rolldown({
    cwd: root,
    input: Object.fromEntries(programs.map((program) => [program, `${program}.ts`])),
    platform,
    external: [temporal, runtime, page, documents, ...absent],
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    onLog: (level, { message }) => {
      if (level === 'warn') process.stderr.write(`${message}\n`);
    },
  });
  await made.write({
    dir: dist,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: `${shared}/[name].js`,
  });
  await made.close();
}

async function bundleWorkflows() {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'src', 'workflows', 'index.js'),
    workflowInterceptorModules: [join(dist, 'src', 'workflows', 'interceptors.js')],
    logger: { ...quiet, error: (message) => process.stderr.write(`${message}\n`) },
  });
  await writeFile(join(dist, 'workflow-bundle.js'), code);
}

function servicePrograms() {
  const services = readdirSync(join(root, 'src', 'services'));
  return services
    .map((name) => `src/services/${name}/main`)
    .filter((program) => existsSync(join(root, `${program}.ts`)));
}

/** Those of the monolith's own services. */
function standIns() {
  const files = existsSync(join(root, 'legacy')) ? readdirSync(join(root, 'legacy')) : [];
  return files.filter((name) => name.endsWith('-service.ts')).map((name) => `legacy/${name.replace(/\.ts$/, '')}`);
}

await build(process.argv.slice(2));
