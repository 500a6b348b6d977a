import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { runCommand, type Said } from './command-line.js';
import { GrownTree } from './grown-tree.js';

const parts = join(import.meta.dirname, '..', 'new-kind');
const part = (name: string) => readFileSync(join(parts, name), 'utf8');

/** A stack of a source tree to which the kind `talismans` was added as an engineer would, and the cube that serves it. */
export class NewKindStack {
  private readonly home: { readonly CUBESHIFT_HOME: string };

  private constructor(
    readonly tree: GrownTree,
    readonly env: Readonly<Record<string, string | undefined>>,
    readonly legacy: pg.Client,
    readonly cube: pg.Client,
  ) {
    this.home = homeOf(tree);
  }

  /**
   * Builds and starts it; legacy has `talismans` talismans with three orders each. `typeChecked`: its programs, which takes
   * as long as everything else here, and says the same of the same tree each time.
   */
  static async start(talismans: number, { typeChecked = false } = {}): Promise<NewKindStack> {
    const tree = new GrownTree();
    try {
      addKind(tree);
      addCube(tree);
      // Tests and benches of the tree are those of the original.
      tree.addFile('tsconfig.grown.json', '{ "extends": "./tsconfig.json", "include": ["src", "legacy"] }');
      await Promise.all([
        typeChecked ? tree.run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.grown.json') : undefined,
        tree.run('scripts/prepare.mjs'),
      ]);
      const command = (...args: readonly string[]) => runCommand(args, homeOf(tree), tree.folder);
      const { code, stderr } = await command('up', '--detach', '--records', '50');
      if (code !== 0) throw new Error(stderr);
      const env = JSON.parse((await command('env', '--json')).stdout) as Record<string, string>;
      const legacy = new pg.Client({ connectionString: env.LEGACY_DATABASE_URL });
      const cube = new pg.Client({ connectionString: env.CUBE_DATABASE_URL });
      await Promise.all([legacy.connect(), cube.connect()]);
      await fill(legacy, talismans);
      return new NewKindStack(tree, env, legacy, cube);
    } catch (error) {
      await remove(tree);
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.legacy.end(), this.cube.end()]);
    await remove(this.tree);
  }

  cubeshift(...args: readonly string[]): Promise<Said> {
    return runCommand(args, this.home, this.tree.folder);
  }

  /** `cubeshift check`, as someone calls it who has set these variables and has no stack. */
  async check(variables: Readonly<Record<string, string | undefined>>): Promise<readonly Finding[]> {
    const set = Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    const elsewhere = { CUBESHIFT_HOME: join(this.tree.folder, 'elsewhere'), ...Object.fromEntries(set) };
    return JSON.parse((await runCommand(['check', '--json'], elsewhere, this.tree.folder)).stdout) as Finding[];
  }

  /** Steers or starts a migration, and returns it once it rests or has ended. */
  async rest(word: string, ...args: readonly string[]): Promise<MigrationView> {
    const { stdout, stderr } = await this.cubeshift('migrate', word, ...args, '--wait', '--json');
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as MigrationView;
  }
}

export interface Finding {
  readonly name: string;
  readonly ok: boolean | null;
}

function homeOf(tree: GrownTree) {
  return { CUBESHIFT_HOME: join(tree.folder, 'home') };
}

async function remove(tree: GrownTree): Promise<void> {
  await runCommand(['down', '--purge'], homeOf(tree), tree.folder);
  tree.remove();
}

/** A folder, a line in the catalogue, a line in the registry, a migration. */
function addKind(tree: GrownTree): void {
  tree.addKindFolder('talismans', join(parts, 'kind'));
  tree.addLine(
    'src/domain/catalog.ts',
    'export const catalog = {',
    `  talismans: ${objectOf(part('catalog-line.ts'))},`,
  );
  tree.addLine(
    'src/kinds/registry.ts',
    "from './saju-records/kind.js'",
    "import { talismans } from './talismans/kind.js';",
  );
  tree.addLine('src/kinds/registry.ts', "'saju-records': sajuRecords,", '  talismans,');
  tree.addMigration('talismans', part('migration.sql'));
}

/** A line in the catalogue, its routes at the gateway, its program, and the stand-in of its legacy twin; and legacy's tables of the kind. */
function addCube(tree: GrownTree): void {
  const reached = "type: 'support_service', port: 8005, prefix: '/api/talisman/', trafficName: 'talisman'";
  const served = "service: 'talisman', variables: 'TALISMAN_CUBE', legacyPort: 8015";
  tree.addLine('src/domain/catalog.ts', 'export const cubes = {', `  'talisman-cube': { ${reached}, ${served} },`);
  const routes = "  talisman: [rule(['GET'], '/talismans/:id', 'reads')],\n";
  tree.replace('src/services/gateway/routing/routes.ts', '  crawler: [\n', `${routes}  crawler: [\n`);
  tree.addFile('src/services/talisman/main.ts', part('cube/service.ts.txt'));
  tree.addFile('legacy/talisman-service.ts', part('cube/stand-in.ts.txt'));
  tree.append('legacy/schema.sql', part('legacy.sql'));
}

/** The first two talismans have no name, three from the eleventh have drawings that are none. */
async function fill(legacy: pg.Client, talismans: number): Promise<void> {
  await legacy.query(
    `insert into talismans (name, drawing, created_at)
     select case when n <= 2 then ' ' else 'talisman ' || n end,
            case when n between 11 and 13 then 'torn' else '<svg>' || n || '</svg>' end,
            timestamptz '2020-01-01' + n * interval '1 day'
       from generate_series(1, $1::int) as n`,
    [talismans],
  );
  await legacy.query(`
    insert into talisman_orders (talisman_id, buyer, created_at)
    select id, 'buyer ' || n, now() from talismans cross join generate_series(1, 3) as n`);
}

/** The text between `= ` and ` as const` of the file that has the catalogue's line. */
function objectOf(text: string): string {
  return text.slice(text.indexOf(' = {') + 3, text.indexOf(' as const'));
}
