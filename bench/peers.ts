import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Contender, limitMillis } from './contender.js';
import { runProgram } from './programs.js';

/** The peers. Each takes its time from the start of its program to its end. */

const columns = 'id, user_id, birth_info, saju_chart, convention, interpretation, created_at, updated_at, migrated_at';

/** `psql COPY | psql COPY`, joined by a pipe of the system. */
export function psqlPipe(format: 'text' | 'binary'): Contender {
  return {
    name: format === 'text' ? 'psql COPY \\| psql COPY' : 'the same with (format binary)',
    run: async (source, target) => {
      const psql = 'psql --no-psqlrc --quiet --set ON_ERROR_STOP=1';
      const env = {
        PGPASSWORD: passwordOf(source.url),
        SOURCE: withoutPassword(source.url),
        TARGET: withoutPassword(target.url),
        COPY_OUT: `copy (select ${columns} from saju.charts) to stdout (format ${format})`,
        COPY_IN: `copy saju.charts (${columns}) from stdin (format ${format})`,
      };
      const pipe = `${psql} -c "$COPY_OUT" "$SOURCE" | ${psql} -c "$COPY_IN" "$TARGET"`;
      return timed(() => runProgram('sh', ['-c', pipe], env, limitMillis(source)));
    },
  };
}

/** pgloader, which takes the view for a table of the target. Larger batches than its own were faster here. */
export function pgloader(folder: string): Contender {
  return {
    name: 'pgloader, the view as a table',
    run: async (source, target) => {
      const file = join(folder, 'charts.load');
      writeFileSync(
        file,
        `LOAD DATABASE
  FROM ${withoutPassword(source.url).replace(/^postgres:/, 'pgsql:')}
  INTO ${withoutPassword(target.url).replace(/^postgres:/, 'pgsql:')}
  WITH data only, workers = 2, concurrency = 1, batch rows = 25000, batch size = 20MB, prefetch rows = 100000
  MATERIALIZE VIEWS saju.charts
  INCLUDING ONLY TABLE NAMES MATCHING 'charts' IN SCHEMA 'saju';
`,
      );
      const args = ['--root-dir', join(folder, 'pgloader'), file];
      const env = { PGPASSWORD: passwordOf(source.url) };
      const measured = await timed(() => runProgram('pgloader', args, env, limitMillis(source)));
      rmSync(file);
      return measured;
    },
  };
}

export async function timed(work: () => Promise<void>): Promise<{ seconds: number }> {
  const started = performance.now();
  await work();
  return { seconds: (performance.now() - started) / 1000 };
}

/** Arguments can be read by every user of the machine: the password goes by the environment. */
function withoutPassword(url: string): string {
  const bare = new URL(url);
  bare.password = '';
  return bare.href;
}

function passwordOf(url: string): string {
  return decodeURIComponent(new URL(url).password);
}
