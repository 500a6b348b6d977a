import type { ReachCrashPoint } from '../../src/base/crash-points.js';
import { defaultOptionsOf, type MigrationKind } from '../../src/domain/catalog.js';
import { isMigrationId } from '../../src/domain/migration/migration.js';
import { noAssets } from '../../src/kinds/assets.js';
import { noItems } from '../../src/kinds/items-of-rows.js';
import { concludeVerification } from '../../src/kinds/rows/compare/conclude.js';
import { type VerifyOutcome, verifyTables } from '../../src/kinds/rows/compare/verify.js';
import { runCopyLane } from '../../src/kinds/rows/copy/copy-lane.js';
import { passTables } from '../../src/kinds/rows/pass/pass-table.js';
import { removeMovedRows } from '../../src/kinds/rows/remove/remove-rows.js';
import { type RepairContext, repairTables } from '../../src/kinds/rows/repair/repair.js';
import { retryRejects } from '../../src/kinds/rows/repair/retry-rejects.js';
import type { RowMapping, RowTables } from '../../src/kinds/rows/row-mapping.js';
import { sajuRecordsMapping } from '../../src/kinds/saju-records/mapping.js';
import { type Databases, openDatabases } from '../../src/postgres/databases.js';
import { claimOperation, type OperationClaim } from '../../src/postgres/ledger/operations.js';
import { rangesChangedSinceVerification } from '../../src/postgres/ledger/passed-ranges.js';
import { claimSessionName } from '../../src/postgres/ledger/ranges.js';
import { recordStart } from '../../src/postgres/ledger/runs.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { startVerification, type VerificationVerdict } from '../../src/postgres/ledger/verifications.js';
import type { TestDatabases } from './databases.js';

export interface CopyChoices {
  readonly mapping?: RowMapping;
  readonly rangeRows?: number;
  readonly commitRows?: number;
  readonly batchRows?: number;
  /** Whether earlier runs of the kind left rows in the target. */
  readonly adopts?: boolean;
  readonly lane?: number;
  readonly reach?: ReachCrashPoint;
}

const worker = 'test/0';
const reach = () => undefined;
/** Of tables whose rows name no files. */
const noContents = {
  assets: noAssets,
  owner: 'test',
  partsOwner: 'test',
  signal: new AbortController().signal,
  reportProgress: () => undefined,
};

/** The row moves of one run, called as a bulk worker calls them, in the test's own process and without Temporal. */
export class RowsRun {
  /** Later than any state that a test records by itself. */
  private sequence = 1000;

  private constructor(
    readonly databases: Databases,
    readonly id: string,
    readonly tables: RowTables,
  ) {}

  /** Puts a run on record in a ledger that is made when it is not there. */
  static async open(
    addresses: Pick<TestDatabases, 'legacyUrl' | 'cubeUrl'>,
    id: string,
    tables: RowTables = [sajuRecordsMapping],
  ): Promise<RowsRun> {
    if (!isMigrationId(id)) throw new Error(`${id} is not an id`);
    await upgradeLedger(addresses.cubeUrl);
    const databases = openDatabases(addresses, 'cubeshift test', 6);
    const start = {
      id,
      kind: tables[0].kind as MigrationKind,
      mode: 'copy',
      options: defaultOptionsOf('saju-records'),
    } as const;
    await recordStart(databases.cube, { ...start, idempotencyKey: undefined, by: 'test' });
    return new RowsRun(databases, id, tables);
  }

  /** Copies all that is left of the source. */
  async copy({
    mapping,
    rangeRows = 1000,
    commitRows = 20_000,
    batchRows = 100,
    adopts = false,
    lane = 0,
    reach = () => undefined,
  }: CopyChoices = {}) {
    const moved = { migrated: 0, rejected: 0 };
    const outcome = await runCopyLane(
      {
        databases: this.databases,
        tables: mapping === undefined ? this.tables : [mapping],
        settings: { batchRows, batchBytes: 1 << 20, commitRows, commitBytes: 1 << 24, commitMillis: 60_000 },
        migrationId: this.id,
        worker,
        signal: new AbortController().signal,
        pace: async () => undefined,
        onWait: () => undefined,
        onCommit: ({ migrated, rejected }) => {
          moved.migrated += migrated;
          moved.rejected += rejected;
        },
        reach,
        itemsOfRows: noItems,
        contentAccess: noContents,
      },
      {
        lane,
        sequence: ++this.sequence,
        rangeRows,
        rejectLimitPercent: 100,
        roundMillis: 600_000,
        adopts,
      },
    );
    if (outcome.kind !== 'source_exhausted') throw new Error(`the copy ended with ${outcome.kind}`);
    return moved;
  }

  startVerification(): Promise<string> {
    return startVerification(this.databases.cube, { migrationId: this.id, sequence: ++this.sequence });
  }

  /** Compares from where the verification stands until the end or until `signal` aborts. */
  async goOnVerifying(
    verificationId: string,
    {
      rangeRows = 1000,
      signal = new AbortController().signal,
      onRange = () => undefined,
      roundMillis = 600_000,
      databases = this.databases,
    }: {
      databases?: Databases;
      rangeRows?: number;
      roundMillis?: number;
      signal?: AbortSignal;
      onRange?: (range: { position: bigint; rows: number }) => void;
    } = {},
  ): Promise<VerifyOutcome> {
    return verifyTables({
      databases,
      tables: this.tables,
      migrationId: this.id,
      verificationId,
      claim: await this.claim(),
      rangeRows,
      roundMillis,
      signal,
      onRange,
      onUnrecorded: () => undefined,
      reach,
    });
  }

  /** One whole verification: its verdict, and every difference as `id field`, with its table where there are several. */
  async verify(databases = this.databases): Promise<VerificationVerdict & { readonly found: readonly string[] }> {
    const verificationId = await this.startVerification();
    await this.goOnVerifying(verificationId, { databases });
    const verdict = await this.conclude(verificationId);
    const found = await this.databases.cube.query<{ found: string }>(
      `select case when $2 then table_name || ' ' else '' end || source_id || ' ' || field as found
         from ledger.mismatches where verification_id = $1 order by table_name, source_id, field`,
      [verificationId, this.tables.length > 1],
    );
    return { ...verdict, found: found.rows.map((row) => row.found) };
  }

  async conclude(
    verificationId: string,
    onRange: (counted: { position: bigint }) => void = () => undefined,
    signal = new AbortController().signal,
  ): Promise<VerificationVerdict> {
    const { databases, id: migrationId } = this;
    const claim = await this.claim();
    return concludeVerification({
      databases,
      tables: this.tables,
      migrationId,
      verificationId,
      claim,
      signal,
      onRange,
    });
  }

  /** Moves again what legacy has changed; returns in how many ranges since the newest verification began. */
  async pass(reach: ReachCrashPoint = () => undefined): Promise<number> {
    await this.withWriter((claim, writer) => passTables({ ...this.repairContext(claim), reach }, writer));
    return rangesChangedSinceVerification(this.databases.cube, this.id);
  }

  async repair(reach: ReachCrashPoint = () => undefined): Promise<void> {
    await this.recordCommand('repair');
    await this.withWriter((claim, writer) => repairTables({ ...this.repairContext(claim), reach }, writer));
  }

  async retryRejects(
    rows: Parameters<typeof retryRejects>[2] = 'all',
    reach: ReachCrashPoint = () => undefined,
  ): Promise<void> {
    await this.recordCommand('rejects/retry');
    await this.withWriter((claim, writer) => retryRejects({ ...this.repairContext(claim), reach }, writer, rows));
  }

  /** Another attempt at the last retry, as one whose worker was lost after the last commit. */
  async retryAgain(): Promise<void> {
    await this.withWriter((claim, writer) => retryRejects(this.repairContext(claim), writer, 'all'));
  }

  /** Removes what runs of the kind put there and ends the run on record, so that another one may start. */
  async rollBack(reach: ReachCrashPoint = () => undefined): Promise<void> {
    await this.withWriter((claim, writer) =>
      removeMovedRows(
        {
          databases: this.databases,
          tables: this.tables,
          claim,
          onBatch: () => undefined,
          reach,
          itemsOfRows: noItems,
        },
        writer,
      ),
    );
    await this.databases.cube.query(
      "update ledger.migrations set status = 'rolled_back', finished_at = now() where id = $1",
      [this.id],
    );
  }

  close(): Promise<void> {
    return this.databases.close();
  }

  private repairContext(claim: OperationClaim): RepairContext {
    return {
      databases: this.databases,
      tables: this.tables,
      settings: recopySettings,
      migrationId: this.id,
      worker,
      claim,
      signal: new AbortController().signal,
      onRange: () => undefined,
      reach,
      itemsOfRows: noItems,
      contentAccess: noContents,
    };
  }

  /** Gives each retry or repair a command of its own, but for what an attempt that died has left of one. */
  private async recordCommand(action: 'repair' | 'rejects/retry'): Promise<void> {
    await this.databases.cube.query(
      `insert into ledger.events (migration_id, what, by)
       select $1, $2, 'test' where not exists (
         select from ledger.operations where migration_id = $1 and action = $2 and finished_at is null)
         and not exists (
           select from ledger.events where migration_id = $1 and what = $2
              and id > (select coalesce(max(event_id), 0) from ledger.operations where migration_id = $1 and action = $2))`,
      [this.id, action],
    );
  }

  private claim(): Promise<OperationClaim> {
    return claimOperation(this.databases.cube, { migrationId: this.id, sequence: ++this.sequence });
  }

  private async withWriter(
    work: (claim: OperationClaim, writer: Awaited<ReturnType<Databases['connect']>>) => Promise<unknown>,
  ): Promise<void> {
    const claim = await this.claim();
    const writer = await this.databases.connect('cube', claimSessionName(claim.token));
    try {
      await work(claim, writer);
    } finally {
      await writer.end();
    }
  }
}

const recopySettings = {
  batchRows: 100,
  batchBytes: 1 << 20,
  commitRows: 20_000,
  commitBytes: 1 << 24,
  commitMillis: 60_000,
};
