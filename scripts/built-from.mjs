import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';

/**
 * The commit that the sources in `root` are at, and whether they differ from it, as git says; where the sources came
 * without their history, as into an image, what CUBESHIFT_COMMIT says. Null rather than a guess: a copy of the sources
 * within another repository is not at that repository's commit.
 */
export function builtFrom(root, environment = process.env) {
  const top = git(root, 'rev-parse', '--show-toplevel');
  if (top === undefined || realpathSync(top) !== realpathSync(root)) {
    const named = environment.CUBESHIFT_COMMIT ?? '';
    return { commit: /^[0-9a-f]{40}$/.test(named) ? named : null, changed: false };
  }
  const commit = git(root, 'rev-parse', '--verify', 'HEAD') ?? null;
  const differing = git(root, 'status', '--porcelain', '--', 'src', 'legacy', 'package.json', 'package-lock.json');
  return { commit, changed: commit !== null && differing !== '' };
}

/** What git answers; undefined when it is not there or refuses. Variables that name another repository do not count. */
function git(root, ...args) {
  const { PATH, HOME } = process.env;
  const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8', env: { PATH, HOME } });
  return status === 0 ? stdout.trim() : undefined;
}
