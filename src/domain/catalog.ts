import { commonOptions, type MigrationOptions } from './migration/options.js';
import type { SajuRejectReason } from './saju/convert-record.js';
import { sajuSmokeCall } from './saju/smoke-call.js';
import { type SmokeCall, writeCheckCall } from './smoke-call.js';

/**
 * What there is to move, and the cubes that serve it: the one list from which the plans, the control API, the command line,
 * the stack and the gateway take names, ports, prefixes, variables and limits.
 */

export const cubeTypes = ['core_service', 'support_service', 'infrastructure'] as const;
export type CubeType = (typeof cubeTypes)[number];

export interface CubeEntry {
  readonly type: CubeType;
  /** The port it listens on unless its environment names another. */
  readonly port: number;
  /** The path under which the gateway serves it, ending in a slash; left out for what users do not reach. */
  readonly prefix?: string;
  /**
   * The name in the keys of its traffic flags, in `LEGACY_<NAME>_URL`, in its permission `<name>:call`, and of its schema in the
   * cube database; left out where legacy has no twin of it.
   */
  readonly trafficName?: string;
  /** Its program: the folder under `src/services`, and the name of its port; left out while there is none. */
  readonly service?: string;
  /** What the names of its own variables begin with: `<VARIABLES>_PORT`, `<VARIABLES>_URL`. */
  readonly variables?: string;
  /** The port of the stand-in of its legacy twin that `up` starts. */
  readonly legacyPort?: number;
  /** Whether it reads its own tables in the cube database before a cutover. */
  readonly readsCubeTables?: true;
  /** The calls that show that a new version works, in addition to its health. */
  readonly smokeCalls?: readonly SmokeCall[];
}

export const cubes = {
  'api-gateway-cube': { type: 'infrastructure', port: 8088, service: 'gateway', variables: 'GATEWAY' },
  'security-cube': { type: 'infrastructure', port: 8080, service: 'security', variables: 'SECURITY_CUBE' },
  'monitoring-cube': { type: 'infrastructure', port: 9464, service: 'monitoring', variables: 'MONITORING_CUBE' },
  'saju-cube': {
    type: 'core_service',
    port: 8001,
    prefix: '/api/saju/',
    trafficName: 'saju',
    service: 'saju',
    variables: 'SAJU_CUBE',
    legacyPort: 8011,
    smokeCalls: [sajuSmokeCall],
  },
  'ai-cube': {
    type: 'core_service',
    port: 8002,
    prefix: '/api/ai/',
    trafficName: 'ai',
    service: 'ai',
    variables: 'AI_CUBE',
    legacyPort: 8012,
    readsCubeTables: true,
  },
  'paperwork-cube': {
    type: 'support_service',
    port: 8003,
    prefix: '/api/paperwork/',
    trafficName: 'paperwork',
    service: 'paperwork',
    variables: 'PAPERWORK_CUBE',
    legacyPort: 8013,
    readsCubeTables: true,
    smokeCalls: [writeCheckCall],
  },
  'crawler-cube': {
    type: 'support_service',
    port: 8004,
    prefix: '/api/crawler/',
    trafficName: 'crawler',
    service: 'crawler',
    variables: 'CRAWLER_CUBE',
    legacyPort: 8014,
    readsCubeTables: true,
  },
  'frontend-cube': { type: 'support_service', port: 3000, prefix: '/' },
} as const satisfies Readonly<Record<string, CubeEntry>>;

export type CubeId = keyof typeof cubes;

/** The plans: the workflows' index exports `rows` as `rowsMigration`. */
export type Plan = 'rows' | 'items';

export interface KindEntry {
  /** The cube that serves what is moved; its `trafficName` is the schema of the kind's tables in the cube database. */
  readonly cube: CubeId;
  readonly plan: Plan;
  /** Users do not write its rows: its cube reads them in legacy alone. */
  readonly readOnly?: true;
  /** What legacy has changed since the rows were moved is moved again before each verification. */
  readonly passes?: true;
  /** Legacy's names of the tables. The first is the main one; parents come before their children. */
  readonly tables: readonly { readonly name: string; readonly parent?: string }[];
  /** The reasons for which a row is not moved, in the order in which they are checked, each with what a person does about it. */
  readonly rejectReasons: Readonly<Record<string, string>>;
  /** What a warning about a row that was moved means; evidence reports count such rows under this name. Left out: `warned`. */
  readonly warning?: string;
  /** Share of rows, in percent, past which rejects block a run. */
  readonly rejectLimitPercent: number;
  /** Options of a run that differ from those of every other kind. */
  readonly defaults: Partial<Omit<MigrationOptions, 'reject_limit_percent'>>;
  /**
   * Where tables of the cube's schema name contents of the store: all that the kind refers to. What no kind names is removed from the store,
   * so a kind without an entry here stores nothing.
   */
  readonly contents?: readonly ContentReference[];
  /** Of the plan `items`: what is done to each row of the main table once it was moved, and to how many at a time. */
  readonly item?: { readonly steps: readonly string[]; readonly parallel: number };
}

/** A column whose text is the SHA-256 of a content; or, `byName`, a jsonb object with one under each name. */
export interface ContentReference {
  readonly table: string;
  readonly column: string;
  readonly byName?: true;
}

export const catalog = {
  'saju-records': {
    cube: 'saju-cube',
    plan: 'rows',
    tables: [{ name: 'saju_records' }],
    rejectReasons: {
      user_id_empty:
        'Set user_id in legacy to the id of the owner, then retry; a record without an owner can only be accepted.',
      calendar_missing: 'Set is_solar in legacy: true for a solar date, false for a lunar one; then retry.',
      date_invalid:
        'Correct the birth date in legacy: a part is missing, or the calendar that is_solar names has no such day or leap month; then retry.',
      hour_invalid:
        'Correct birth_hour (0 to 23, or null when it is unknown) and birth_minute (0 to 59) in legacy, then retry.',
      pillar_invalid:
        'Correct the pillars in legacy: each is one of the sixty, and hour_pillar is null where birth_hour is; then retry.',
      timestamp_invalid: 'Set created_at and updated_at in legacy to times in the years 1 to 9999, then retry.',
      refused_by_target:
        'Look at the detail: it names the error code and the constraint with which the cube database refused the row. Change the row in legacy or the constraint, then retry.',
    } satisfies Readonly<Record<SajuRejectReason | 'refused_by_target', string>>,
    warning: 'pillars_do_not_fit',
    rejectLimitPercent: 2,
    defaults: {},
  },
  'ai-models': {
    cube: 'ai-cube',
    plan: 'items',
    readOnly: true,
    passes: true,
    tables: [{ name: 'ai_models' }],
    rejectReasons: {
      framework_unsupported:
        'Convert the model to ONNX and set framework to onnx in legacy, then retry; or accept it: legacy serves it.',
      path_outside:
        'Move the file, and its data outside the graph, below LEGACY_MODEL_DIR, name it by a relative path without `..`, then retry.',
      artifact_missing: 'Put the file back where artifact_path says, readable for the engine, then retry.',
      artifact_changing: 'Wait until nothing writes to the file any more, then retry.',
      checksum_mismatch: 'Put the file back that sha256 in legacy names, or correct sha256, then retry.',
      artifact_unreadable: 'Replace the file by an ONNX model that loads, and correct sha256, then retry.',
      operator_unsupported:
        'Export the model with operators that the runtime has, then retry; or accept it: legacy serves it.',
      memory_exceeded: 'Use a smaller form of the model, then retry; or accept it: legacy serves it.',
      schema_mismatch: 'Correct input_schema in legacy to what the graph takes, then retry.',
      output_not_finite: 'Correct the model: it answers numbers that are not finite; then retry.',
      evidence_missing:
        'Give metrics in legacy a held-out test set with its sha256, or one with as many rows as the detail names, then retry.',
      accuracy_dropped:
        'Look at the numbers in the detail: the file on disk is worse than what legacy serves. Replace it, then retry.',
      agreement_low:
        'Look at the numbers in the detail: the file on disk answers other than what legacy serves. Replace it, then retry.',
      timestamp_invalid: 'Set created_at in legacy to a time in the years 1 to 9999, then retry.',
      refused_by_target:
        'Look at the detail: it names the error code and the constraint with which the cube database refused the row. Change the row in legacy or the constraint, then retry.',
    },
    rejectLimitPercent: 100,
    defaults: { lanes: 1 },
    contents: [
      { table: 'model_versions', column: 'sha256' },
      { table: 'model_versions', column: 'files', byName: true },
    ],
    item: { steps: ['validate', 'import', 'compare', 'activate', 'int8'], parallel: 2 },
  },
  'paperwork-files': {
    cube: 'paperwork-cube',
    plan: 'rows',
    passes: true,
    tables: [{ name: 'paperwork_files' }, { name: 'paperwork_results', parent: 'paperwork_files' }],
    rejectReasons: {
      path_invalid:
        'Correct path in legacy: a relative path without `..`, none of whose names has more than 255 bytes; then retry.',
      path_outside: 'Move the file below LEGACY_STORAGE_DIR, or correct path in legacy, then retry.',
      file_missing: 'Put the file back where path says, or correct path in legacy, then retry; or accept it.',
      not_a_file: 'Put a regular file where path says, then retry; or accept it.',
      unreadable: 'Make the file readable for the engine, then retry.',
      size_differs:
        'Look which is right, the file or size in legacy: put the right file back or correct size, then retry.',
      changes_while_read: 'Wait until nothing writes to the file any more, then retry.',
      file_unknown: 'Set file_id in legacy to the file that the result is of, then retry; or accept it.',
      timestamp_invalid: 'Set created_at in legacy to a time in the years 1 to 9999, then retry.',
      refused_by_target:
        'Look at the detail: it names the error code and the constraint with which the cube database refused the row. Change the row in legacy or the constraint, then retry.',
    },
    warning: 'mime_type_contradicts',
    rejectLimitPercent: 2,
    defaults: {},
    contents: [{ table: 'files', column: 'sha256' }],
  },
} as const satisfies Readonly<Record<string, KindEntry>>;

export type MigrationKind = keyof typeof catalog;

/** The plan of a kind, by the name under which the workflows' index exports it. */
export function workflowTypeOf(kind: MigrationKind): `${Plan}Migration` {
  return `${catalog[kind].plan}Migration`;
}

/** The kinds that this version moves. */
export const migrationKinds = Object.keys(catalog) as readonly MigrationKind[];

/** Every kind of the contract, those included that are not available in this version. */
export const contractKinds: readonly string[] = [
  ...new Set([...migrationKinds, 'ai-models', 'paperwork-files', 'crawler-jobs']),
];

export function kindEntry(kind: MigrationKind): KindEntry {
  return catalog[kind];
}

/** What a person does about rejects of a reason; a reason that only an older version knew has no text of its own. */
export function rejectAdvice(kind: MigrationKind, reason: string): string {
  const texts = kindEntry(kind).rejectReasons;
  const known = Object.hasOwn(texts, reason) ? texts[reason] : undefined;
  return known ?? 'Look at the detail of each, correct the rows in legacy, then retry; or accept them.';
}

/** The options of a run of the kind where nothing else is said. */
export function defaultOptionsOf(kind: MigrationKind): MigrationOptions {
  const { rejectLimitPercent, defaults } = kindEntry(kind);
  return { ...commonOptions, ...defaults, reject_limit_percent: rejectLimitPercent };
}

/** The kinds whose rows a cube serves. */
export function kindsOf(cube: string): readonly MigrationKind[] {
  return migrationKinds.filter((kind) => catalog[kind].cube === cube);
}
