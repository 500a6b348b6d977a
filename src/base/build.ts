import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, packageVersion } from './package-root.js';

/** What `scripts/build.mjs` records of a build. */
interface Build {
  /** The commit that the sources were at; null where the build could not know. */
  readonly commit: string | null;
  /** Whether sources differed from that commit. */
  readonly changed: boolean;
}

/** The version of this package, the commit that it was built from, as far as the build knew it, and the Node.js that runs it. */
export function describeVersion(build: Build | undefined = readBuild()): string {
  const commit =
    typeof build?.commit === 'string'
      ? `commit ${build.commit}${build.changed ? ' with changes' : ''}`
      : 'commit unknown';
  return `cubeshift ${packageVersion()}, ${commit}, Node.js ${process.versions.node}`;
}

function readBuild(): Build | undefined {
  try {
    return JSON.parse(readFileSync(join(packageRoot(), 'dist', 'src', 'build.json'), 'utf8')) as Build;
  } catch {
    return undefined;
  }
}
