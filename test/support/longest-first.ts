import { existsSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, the longest first: a minute or so each, most of it waiting. */
const longest = [
  'test/chaos/ai-models-killed.test.ts',
  'test/chaos/emergency-rollbacks.test.ts',
  'test/chaos/paperwork-killed.test.ts',
  'test/chaos/random-kills.test.ts',
  'test/chaos/servers-restarted.test.ts',
  'test/integration/stack.test.ts',
  'test/integration/ai-models-compared.test.ts',
  'test/integration/a-new-kind.test.ts',
  'test/integration/command-line.test.ts',
  'test/integration/containers.test.ts',
  'test/integration/scanned-pages.test.ts',
  'test/integration/ai-models.test.ts',
  'test/integration/blob-move.test.ts',
  'test/integration/preflight.test.ts',
  'test/integration/crash-points.test.ts',
  'test/integration/ai-cube.test.ts',
  'test/integration/steering.test.ts',
  'test/integration/cube-deployments.test.ts',
];
/** Among the others it is the kind of test that tells: unit tests take no time, and fill the gaps at the end. */
const folders = ['test/chaos/', 'test/integration/', 'test/'];
/** Plans under time skipping compute without a pause: one to so many that mostly wait keeps the cores busy, and no more than that. */
const computing = { folder: 'test/workflow/', every: 5 };

/**
 * The order of the test files. By itself Vitest goes by what earlier runs took, and in a fresh clone by size: a short file
 * that takes long would start last, and the whole suite would wait for it alone.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    for (const file of longest)
      if (!existsSync(join(root, file))) throw new Error(`${file} is gone: correct the list in longest-first.ts`);
    const pathOf = ({ moduleId }: TestSpecification) => relative(root, moduleId).split(sep).join('/');
    // A stable sort: within a place Vitest's own order stays.
    const sorted = (await super.sort(files)).sort((one, other) => placeOf(pathOf(one)) - placeOf(pathOf(other)));
    const computes = (file: TestSpecification) => pathOf(file).startsWith(computing.folder);
    return spread(
      sorted.filter((file) => !computes(file)),
      sorted.filter(computes),
    );
  }
}

/** One of `few` behind every so many of `many`; what is left of them comes last. */
function spread<T>(many: readonly T[], few: readonly T[]): T[] {
  const left = [...few];
  const mixed = many.flatMap((one, place) =>
    (place + 1) % computing.every === 0 ? [one, ...left.splice(0, 1)] : [one],
  );
  return [...mixed, ...left];
}

function placeOf(file: string): number {
  const place = longest.indexOf(file);
  return place >= 0 ? place : longest.length + folders.findIndex((folder) => file.startsWith(folder));
}
