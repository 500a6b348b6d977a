import { readFile } from 'node:fs/promises';
import type { WorkerOptions } from '@temporalio/worker';
import { catalog, type MigrationKind } from '../../src/domain/catalog.js';
import { workflowBundlePath } from '../../src/workers/worker.js';
import { talismans } from '../new-kind/catalog-line.js';

/** A kind of the tests' own, with the plan for items. */
export const newKind = 'talismans' as MigrationKind;

/** Puts the kind into the catalogue of this process, or takes it out again. */
export function addNewKind(): void {
  Object.assign(catalog, { [newKind]: talismans });
}

export function removeNewKind(): void {
  Reflect.deleteProperty(catalog, newKind);
}

/** The compiled plans, with the kind in their catalogue. */
export async function bundleWithNewKind(): Promise<NonNullable<WorkerOptions['workflowBundle']>> {
  const code = await readFile(workflowBundlePath, 'utf8');
  const first = /const catalog = \{\s*"saju-records":/;
  if (code.split(first).length !== 2) throw new Error('The catalogue is not where it was in the compiled plans.');
  return { code: code.replace(first, `const catalog = { "${newKind}": ${JSON.stringify(talismans)}, "saju-records":`) };
}
