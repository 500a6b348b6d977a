import { trafficNameOfKind } from '../../../domain/cubes.js';
import type { MigrationView } from '../../../domain/migration/migration.js';
import { type LedgerView, listMigrations, readMigration, readMigrations } from '../../../postgres/ledger/run-view.js';
import { unknownMigration } from '../../../postgres/ledger/runs.js';
import type { ControlDependencies } from '../dependencies.js';

/** Views of migrations: what the ledger holds, with the weight of the kind's cube. */
type ViewSources = Pick<ControlDependencies, 'cube' | 'weights'>;

/** A migration, or 404. */
export async function knownMigration(sources: ViewSources, id: string): Promise<MigrationView> {
  const view = await readMigration(sources.cube, id);
  if (view === undefined) throw await unknownMigration(sources.cube, id);
  return withTraffic(sources, view);
}

/** All migrations, the latest first. */
export async function allMigrations(sources: ViewSources): Promise<MigrationView[]> {
  const views = await listMigrations(sources.cube);
  return Promise.all(views.map((view) => withTraffic(sources, view)));
}

/** Those of these ids that there are, in one query of the ledger. */
export async function someMigrations(sources: ViewSources, ids: readonly string[]): Promise<MigrationView[]> {
  const views = await readMigrations(sources.cube, ids);
  return Promise.all(views.map((view) => withTraffic(sources, view)));
}

async function withTraffic({ weights }: ViewSources, view: LedgerView): Promise<MigrationView> {
  return { ...view, traffic: await weights.of(trafficNameOfKind(view.kind)) };
}
