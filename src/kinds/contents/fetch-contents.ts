import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { ReachCrashPoint } from '../../base/crash-points.js';
import { inParallel } from '../../base/in-parallel.js';
import { inTransaction } from '../../postgres/connect.js';
import type { CopyRow } from '../../postgres/copy-binary.js';
import { atSide, type Databases } from '../../postgres/databases.js';
import { intendBlobs, recordBlobs, releaseBlobs } from '../../storage/blob-records.js';
import type {
  BlobInfo,
  BlobStore,
  Content,
  PartRecords,
  SeekableContent,
  Sha256,
  StagedBlob,
} from '../../storage/blob-store.js';
import { partRecords } from '../../storage/part-records.js';
import type { ConfirmClaim } from '../items-of-rows.js';
import type {
  ContentAccess,
  FetchedContent,
  KnownContent,
  RowContents,
  StagedContent,
  UnfitContent,
} from './row-contents.js';

export interface FetchContext extends ContentAccess {
  readonly databases: Databases;
  /** Throws within a transaction when another worker took over the work. */
  readonly confirm: ConfirmClaim;
  readonly reach: ReachCrashPoint;
  /** Whether a file that is as it was when it was moved need not be read again: not where its content may be damaged. */
  readonly trustsKnown?: boolean;
}

const filesAtOnce = 16;
/** A larger content is received in parts: an attempt that dies does not begin it again, and a page waits for the disk for seconds at most. */
const maxWholeBytes = 8 * 1024 * 1024;
/** How often a step that waits for the disk says that it is there: nothing shows how far a synchronisation is. */
const waitReportMillis = 2000;

/**
 * Brings the contents of rows' files into the store: each is durable at its address when this returns, and on record as intended, so that
 * the next attempt and the undo find what a worker that dies leaves behind. For each row its content, or why it has none.
 */
export async function fetchContents(
  contents: RowContents,
  rows: readonly CopyRow[],
  context: FetchContext,
): Promise<readonly (FetchedContent | UnfitContent)[]> {
  const { assets, databases, owner, reach } = context;
  const store = assets.store();
  const read = await reportingMeanwhile(context, () => stageContents(contents, rows, store, context));
  reach('after-contents-staged');
  const blobs = new Map<Sha256, StagedBlob>();
  try {
    for (const one of read) {
      if (one.kind !== 'content') continue;
      if (blobs.has(one.blob.sha256)) await one.blob.discard();
      else blobs.set(one.blob.sha256, one.blob);
    }
    await atSide('cube', () =>
      inTransaction(databases.cube, async (client) => {
        await client.query("set local idle_in_transaction_session_timeout = '15s'");
        await context.confirm(client);
        await intendBlobs(client, owner, [...blobs.keys()]);
      }),
    );
    reach('after-intent');
    await reportingMeanwhile(context, () => store.keepMany([...blobs.values()]));
    reach('after-artifact-stored');
  } catch (error) {
    for (const blob of blobs.values()) await blob.discard().catch(() => undefined);
    throw error;
  }
  return read.map((one) => {
    if (one.kind === 'unfit') return one;
    const { stat, warned } = one;
    const { sha256, size } = one.kind === 'content' ? one.blob : one;
    return { kind: 'content', sha256, size, stat, warned };
  });
}

async function reportingMeanwhile<T>({ reportProgress }: ContentAccess, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(reportProgress, waitReportMillis);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Many files at a time, made durable together. */
function stageContents(
  contents: RowContents,
  rows: readonly CopyRow[],
  store: BlobStore,
  { assets, databases, owner, partsOwner, signal, reportProgress, reach, trustsKnown = false }: FetchContext,
): Promise<readonly (StagedContent | KnownContent | UnfitContent)[]> {
  const onChunk = () => {
    signal.throwIfAborted();
    reportProgress();
  };
  return store.stageMany(owner, (stage) => {
    const receive = (content: Content & SeekableContent, name: string) =>
      content.size <= maxWholeBytes
        ? stage(content)
        : store.stageInParts(content, {
            owner: partsOwner,
            name,
            records: reaching(partRecords(databases.cube, partsOwner, name), reach),
          });
    return inParallel(rows, filesAtOnce, (row) =>
      contents.read(row, { assets, databases, receive, onChunk, trustsKnown }),
    );
  });
}

function reaching(records: PartRecords, reach: ReachCrashPoint): PartRecords {
  return {
    ...records,
    add: async (index, part, source) => {
      await records.add(index, part, source);
      reach('after-part-recorded');
    },
  };
}

/** Within the transaction of rows that refer to them: puts fetched contents on record. */
export async function recordContents(
  client: pg.ClientBase,
  { storedBy }: RowContents,
  contents: readonly BlobInfo[],
  { assets, owner }: ContentAccess,
): Promise<void> {
  await recordBlobs(client, assets.store(), contents, { owner, storedBy });
}

/**
 * Takes out of the store what an earlier attempt of the same work brought there and no row refers to, its staged files too. Call it before
 * the work begins again.
 */
export async function releaseLeftovers(
  cube: pg.Pool,
  { storedBy }: RowContents,
  { assets, owner }: Pick<ContentAccess, 'assets' | 'owner'>,
): Promise<void> {
  const store = assets.store();
  const stagedBy = `${owner}/${randomUUID()}`;
  await atSide('cube', () => releaseBlobs(cube, store, { owner, stagedBy, storedBy }, async () => []));
  await store.discardOf(owner);
}

/**
 * After a failure between fetching and the commit of the rows: frozen meanwhile, a worker may have stored them after the undo, which then
 * did not find them. What is on record as intended stays for the next attempt.
 */
export async function releaseUnrecorded(
  cube: pg.Pool,
  { storedBy }: RowContents,
  contents: readonly BlobInfo[],
  { assets, owner }: ContentAccess,
): Promise<void> {
  const stored = contents.map(({ sha256 }) => sha256);
  const late = { owner: `${owner}/late`, stagedBy: `${owner}/late/${randomUUID()}`, storedBy };
  await releaseBlobs(cube, assets.store(), late, async () => stored).catch(() => undefined);
}
