import pg from 'pg';
import { type CubeId, kindEntry, kindsOf, migrationKinds } from '../../domain/catalog.js';
import { referringColumns } from '../../domain/contents.js';
import { cubeEntry, servedCubes, trafficNameOfKind } from '../../domain/cubes.js';
import type { Side } from '../../domain/side.js';
import { auditOwner, closeAudit } from './audit-owner.js';
import { markOwnRole } from './own-roles.js';

interface Role {
  readonly name: string;
  /** Roles whose rights it has as well: of those whose sessions it may end. */
  readonly memberOf?: readonly string[];
  /** Statements that give it what it may do; repeated at every start. */
  readonly rights: (role: string) => readonly string[];
}

interface SideRoles {
  readonly database: string;
  /** Has the database and makes its tables; no superuser. */
  readonly owner: string;
  readonly programs: readonly Role[];
}

const appendsToAudit = (role: string) => [
  `grant usage on schema audit to ${role}`,
  `grant execute on function audit.append(text, text, text, jsonb) to ${role}`,
];
const auditReader = (role: string) => [
  ...appendsToAudit(role),
  `grant select on audit.entries to ${role}`,
  // An entry from before its writer was kept is checked by the former function.
  ...['', ', text'].map(
    (writer) =>
      `grant execute on function audit.entry_hash(bigint, timestamptz, text, text, text, jsonb, text${writer}) to ${role}`,
  ),
];

/** `what` on every table of the ledger, and on those that a later version adds. */
const onLedger = (what: string) => (role: string) => [
  `grant usage on schema ledger to ${role}`,
  `grant ${what} on all tables in schema ledger to ${role}`,
  `grant usage, select on all sequences in schema ledger to ${role}`,
  `alter default privileges for role cubes in schema ledger grant ${what} on tables to ${role}`,
  `alter default privileges for role cubes in schema ledger grant usage, select on sequences to ${role}`,
];

/** What a bulk worker does with the tables of every kind, in the schemas of their cubes, and with what the store holds. */
function movesRows(role: string): readonly string[] {
  const schemas = [...new Set<string>(migrationKinds.map(trafficNameOfKind)), 'storage'];
  return schemas.flatMap((schema) => [
    `grant usage on schema ${schema} to ${role}`,
    `grant select, insert, update, delete on all tables in schema ${schema} to ${role}`,
    `grant usage, select on all sequences in schema ${schema} to ${role}`,
    `alter default privileges for role cubes in schema ${schema} grant select, insert, update, delete on tables to ${role}`,
    `alter default privileges for role cubes in schema ${schema} grant usage, select on sequences to ${role}`,
  ]);
}

/** Which version of a model predicts, and nothing else of it. */
const activatesModels = (role: string) => [
  `grant usage on schema ai to ${role}`,
  `grant select on ai.models, ai.model_versions, ai.activations to ${role}`,
  `grant update (active_version_id) on ai.models to ${role}`,
  `grant update (state) on ai.model_versions to ${role}`,
  `grant insert, delete on ai.activations to ${role}`,
];

/** What nothing refers to leaves the store, and its records; what is brought to another place comes there part by part. */
const keepsStore = (role: string) => [
  `grant usage on schema storage to ${role}`,
  `grant select, delete on storage.blobs to ${role}`,
  `grant select, insert, update, delete on storage.parts to ${role}`,
  `grant select (sha256), delete on storage.checks to ${role}`,
  `grant select on storage.referenced to ${role}`,
  ...referringColumns.flatMap(({ schema, table }) => [
    `grant usage on schema ${schema} to ${role}`,
    `grant select on ${schema}.${table} to ${role}`,
  ]),
];

/** What a verification of paperwork files has listed. */
const readsListings = (role: string) => [
  `grant usage on schema paperwork to ${role}`,
  `grant select on paperwork.files_without_rows to ${role}`,
];

/** What users request of documents: the cube writes it, and removes it with the file. */
const requestsProcessing = (role: string) => [
  `grant usage on schema paperwork to ${role}`,
  `grant select, insert, update, delete on paperwork.processing to ${role}`,
];

/** How far documents are, and the pages that were read; what the store holds of them. */
const processesDocuments = (role: string) => [
  `grant usage on schema paperwork to ${role}`,
  `grant select on paperwork.files to ${role}`,
  `grant select, update on paperwork.processing to ${role}`,
  `grant select, insert, delete on paperwork.read_pages to ${role}`,
];

/** What users request of jobs: start and pause. */
const steersJobs = (role: string) => [
  `grant usage on schema crawler to ${role}`,
  `grant update (status) on crawler.jobs to ${role}`,
  `grant update (stopping) on crawler.open_runs to ${role}`,
];

/** Schedules, runs and results of the cube's jobs; who runs a job it only reads. */
const runsJobs = (role: string) => [
  `grant usage on schema crawler to ${role}`,
  `grant select on crawler.jobs to ${role}`,
  `grant update (status, schedule_id, calendars) on crawler.jobs to ${role}`,
  `grant select, insert, update on crawler.runs, crawler.leases, crawler.validators, crawler.totals to ${role}`,
  `grant select, insert, update, delete on crawler.open_runs, crawler.schedules, crawler.result_ids to ${role}`,
  `grant select, insert on crawler.results to ${role}`,
  `grant update (written_back_at) on crawler.results to ${role}`,
];

/** Until jobs of legacy can be moved, their tables are of no kind: the cube lists them, and writes results of jobs that it runs. */
const writesCrawlerResults = (role: string) => [
  `do $$ begin
     if to_regclass('public.crawler_jobs') is null or to_regclass('public.crawler_results') is null then return; end if;
     grant select on public.crawler_jobs to ${role};
     grant select, insert on public.crawler_results to ${role};
     execute format('grant usage on sequence %s to ${role}', pg_get_serial_sequence('public.crawler_results', 'id'));
   end $$`,
];

/** What a cube does with its own tables that it serves from. */
function readsTables(schema: string): (role: string) => readonly string[] {
  return (role) => [
    `grant usage on schema ${schema} to ${role}`,
    `grant select on all tables in schema ${schema} to ${role}`,
    `alter default privileges for role cubes in schema ${schema} grant select on tables to ${role}`,
  ];
}

/** What a cube does with legacy's tables of its kinds, as far as they are there. */
function servesTablesOf(cube: CubeId): (role: string) => readonly string[] {
  const tables = kindsOf(cube).flatMap((kind) => {
    const { tables, readOnly } = kindEntry(kind);
    const rights = readOnly ? 'select' : 'select, insert, update, delete';
    return tables.map(({ name }) => ({ table: `public.${name}`, rights }));
  });
  return (role) => [
    `grant usage on schema public to ${role}`,
    ...tables.map(
      ({ table, rights }) => `do $$ begin
         if to_regclass('${table}') is null then return; end if;
         grant ${rights} on ${table} to ${role};
         if '${rights}' <> 'select' and pg_get_serial_sequence('${table}', 'id') is not null then
           execute format('grant usage on sequence %s to ${role}', pg_get_serial_sequence('${table}', 'id'));
         end if;
       end $$`,
    ),
  ];
}

/**
 * Who may do what in the embedded databases. The programs' roles have what their program does, and no more: none makes
 * roles or databases, replicates, runs programs of the server's machine or reads its files.
 */
export const databaseRoles = {
  legacy: {
    database: 'heal7',
    owner: 'heal7',
    programs: [
      {
        name: 'engine_reader',
        // All kinds of assets are read; tables come later than the role.
        rights: (role) => [
          `grant usage on schema public to ${role}`,
          `grant select on all tables in schema public to ${role}`,
          `alter default privileges for role heal7 in schema public grant select on tables to ${role}`,
        ],
      },
      ...servedCubes.map(({ role, cubeId }) => ({
        name: role,
        rights: (own: string) => [
          ...servesTablesOf(cubeId)(own),
          ...(cubeId === 'crawler-cube' ? writesCrawlerResults(own) : []),
        ],
      })),
    ],
  },
  cube: {
    database: 'cubes',
    owner: 'cubes',
    programs: [
      {
        name: 'control_api',
        rights: (role) => [
          ...onLedger('select, insert, update')(role),
          ...auditReader(role),
          ...activatesModels(role),
          ...keepsStore(role),
          ...readsListings(role),
        ],
      },
      {
        name: 'bulk_worker',
        rights: (role) => [...onLedger('select, insert, update, delete')(role), ...movesRows(role)],
      },
      // Takes ranges and operations from bulk workers: what a lost one has open is ended.
      { name: 'control_worker', memberOf: ['bulk_worker'], rights: appendsToAudit },
      { name: 'documents_worker', rights: processesDocuments },
      { name: 'crawler_worker', rights: runsJobs },
      { name: 'security_cube', rights: appendsToAudit },
      // Until a cutover nothing is there that most cubes read: they only check that the database answers.
      ...servedCubes.map(({ role, cubeId, trafficName }) => ({
        name: role,
        rights: (own: string) => [
          ...(cubeEntry(cubeId).readsCubeTables ? readsTables(trafficName)(own) : []),
          ...(cubeId === 'paperwork-cube' ? requestsProcessing(own) : []),
          ...(cubeId === 'crawler-cube' ? steersJobs(own) : []),
        ],
      })),
    ],
  },
} as const satisfies Readonly<Record<Side, SideRoles>>;

export type LegacyRole = 'heal7' | (typeof databaseRoles)['legacy']['programs'][number]['name'];
export type CubeRole = 'cubes' | (typeof databaseRoles)['cube']['programs'][number]['name'];

/** Makes the owner, the programs' roles and the database, each as it should be; `verifierOf` returns the verifier of a role's password. */
export async function ensureRoles(
  administrator: pg.Client,
  side: Side,
  verifierOf: (role: string) => string,
): Promise<void> {
  const { database, owner, programs }: SideRoles = databaseRoles[side];
  const plain = 'nosuperuser nocreatedb nocreaterole noreplication nobypassrls';
  const logins = [owner, ...programs.map(({ name }) => name)];
  for (const role of [...logins, auditOwner])
    await administrator.query(
      `do $$ begin create role ${role} nologin; ${markOwnRole(role)}; exception when duplicate_object then null; end $$`,
    );
  for (const role of logins)
    await administrator.query(`alter role ${role} login ${plain} password ${pg.escapeLiteral(verifierOf(role))}`);
  for (const { name, memberOf = [] } of programs)
    for (const group of memberOf) await administrator.query(`grant ${group} to ${name}`);
  // Ends sessions that keep the audit's turn.
  await administrator.query(`grant pg_signal_backend to ${auditOwner}`);
  const found = await administrator.query('select from pg_database where datname = $1', [database]);
  if (found.rowCount === 0) await administrator.query(`create database ${database} owner ${owner}`);
  await administrator.query(`alter database ${database} owner to ${owner}`);
  // PostgreSQL lets everybody who has a password into every database, and make temporary tables there.
  for (const closed of [database, 'postgres', 'template1'])
    await administrator.query(`revoke all on database ${closed} from public`);
  await administrator.query(`grant connect on database ${database} to ${logins.join(', ')}`);
}

/** Gives each program its rights in a database, those on tables that came since included. Repeatable. */
export async function grantRights(administrator: pg.Client, side: Side): Promise<void> {
  await administrator.query('begin');
  if (side === 'cube') await closeAudit(administrator);
  for (const { name, rights } of databaseRoles[side].programs)
    for (const statement of rights(name)) await administrator.query(statement);
  await administrator.query('commit');
}
