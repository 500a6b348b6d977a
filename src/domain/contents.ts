import { type ContentReference, kindEntry, type MigrationKind, migrationKinds } from './catalog.js';
import { type TrafficName, trafficNameOfKind } from './cubes.js';

/** A column of the cube database that names contents of the store. */
export interface ReferringColumn extends ContentReference {
  readonly kind: MigrationKind;
  readonly schema: TrafficName;
}

/** Every one that the catalogue declares. */
export const referringColumns: readonly ReferringColumn[] = migrationKinds.flatMap((kind) =>
  (kindEntry(kind).contents ?? []).map((reference) => ({ ...reference, kind, schema: trafficNameOfKind(kind) })),
);

/** The kinds whose tables refer to contents. */
export const storingKinds: readonly MigrationKind[] = [...new Set(referringColumns.map(({ kind }) => kind))];
