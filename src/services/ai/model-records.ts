import type pg from 'pg';
import { type LegacyModel, legacyModelColumns, modelsPerPage } from '../../domain/models/legacy-model.js';
import { atSide } from '../../postgres/databases.js';

/** What legacy's row says of the version that it serves. */
export interface LegacyVersion {
  readonly version: string | null;
  readonly sha256: string | null;
  readonly artifact_path: string | null;
}

/** A version in the cube. */
export interface CubeVersion {
  readonly id: string;
  readonly version: string | null;
  readonly sha256: string;
  readonly source_sha256: string;
  /** External data of the graph: the sums by name. */
  readonly files: Readonly<Record<string, string>> | null;
  /** By the same names, what legacy's files were like when they were imported. */
  readonly file_stats: Readonly<Record<string, string>> | null;
}

export interface NamedVersion extends CubeVersion {
  readonly name: string;
}

/** Reads models in both databases, one statement for each method. Throws the failures of the side. */
export interface ModelRecords {
  /** Legacy's rows after this id, one more than a page has where there are more. */
  list(after: number): Promise<readonly LegacyModel[]>;
  find(name: string): Promise<LegacyModel | undefined>;
  legacyVersion(name: string): Promise<LegacyVersion | undefined>;
  activeVersion(name: string): Promise<CubeVersion | undefined>;
  /** A page of the active versions of all models, by their ids, after this one. */
  activeVersions(after: string | null): Promise<readonly NamedVersion[]>;
  /** By name, of those that legacy has. */
  legacyVersions(names: readonly string[]): Promise<ReadonlyMap<string, LegacyVersion>>;
  version(name: string, id: string): Promise<CubeVersion | undefined>;
}

const versionColumns = `version.id::text, version.version, version.sha256, version.source_sha256, version.files,
  version.file_stats`;
const versionsPerPage = 1000;

export function createModelRecords(legacy: pg.Pool, cube: pg.Pool): ModelRecords {
  const legacyRows = async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]) =>
    (await atSide('legacy', () => legacy.query<Row>(text, [...values]))).rows;
  const cubeRows = async <Row extends CubeVersion = CubeVersion>(text: string, values: readonly unknown[]) =>
    (await atSide('cube', () => cube.query<Row>(text, [...values]))).rows;
  return {
    list: (after) =>
      legacyRows<LegacyModel>(`select ${legacyModelColumns} from public.ai_models where id > $1 order by id limit $2`, [
        after,
        modelsPerPage + 1,
      ]),
    find: async (name) =>
      (await legacyRows<LegacyModel>(`select ${legacyModelColumns} from public.ai_models where name = $1`, [name]))[0],
    legacyVersion: async (name) =>
      (
        await legacyRows<LegacyVersion>('select version, sha256, artifact_path from public.ai_models where name = $1', [
          name,
        ])
      )[0],
    activeVersion: async (name) =>
      (
        await cubeRows(
          `select ${versionColumns} from ai.models join ai.model_versions as version on version.id = active_version_id
            where name = $1 and version.state = 'active'`,
          [name],
        )
      )[0],
    activeVersions: (after) =>
      cubeRows<NamedVersion>(
        `select name, ${versionColumns} from ai.models join ai.model_versions as version on version.id = active_version_id
          where version.state = 'active' and ($1::bigint is null or version.id > $1) order by version.id limit $2`,
        [after, versionsPerPage],
      ),
    legacyVersions: async (names) => {
      const rows = await legacyRows<LegacyVersion & { readonly name: string }>(
        'select name, version, sha256, artifact_path from public.ai_models where name = any ($1)',
        [names],
      );
      return new Map(rows.map(({ name, ...version }) => [name, version]));
    },
    version: async (name, id) =>
      (
        await cubeRows(
          `select ${versionColumns} from ai.models join ai.model_versions as version on version.model_id = models.id
            where name = $1 and version.id = $2::bigint`,
          [name, id],
        )
      )[0],
  };
}
