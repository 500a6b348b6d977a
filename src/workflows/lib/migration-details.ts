import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { FailureReport } from '../../base/failures.js';
import { type MigrationKind, rejectAdvice } from '../../domain/catalog.js';
import type { MigrationInput, MigrationStage, MigrationState } from '../../domain/migration/migration.js';
import { nextCommands } from '../../domain/migration/next-commands.js';
import { block, commandBlock, listBlock, page, plainText } from './markdown.js';

export type RejectCounts = Awaited<ReturnType<LedgerSteps['countRejects']>>;

/** What a plan has counted; plain data. */
export interface RunFigures {
  /** Undefined for a plan that starts again from the ledger, until it has counted. */
  readonly rows: MovedRows | undefined;
  /** As counted last; undefined before the first time. */
  readonly rejects: RejectCounts | undefined;
  /** Of the last verification that came to its end; undefined before the first. */
  readonly comparison: Comparison | undefined;
}

export interface MovedRows {
  readonly migrated: number;
  readonly rejected: number;
  /** How many there are, until every row was read. */
  readonly estimatedRows?: number;
}

export interface Comparison {
  readonly compared: number;
  readonly mismatched: number;
}

/** A run as an operator reads it in Temporal, in Markdown: where it is, what it counted, what to type. No contents of records. */
export function migrationDetails(
  { id, kind }: Pick<MigrationInput, 'id' | 'kind'>,
  state: MigrationState,
  figures: RunFigures,
  error: FailureReport | undefined,
): string {
  const { status, stage } = state;
  const { rows, rejects, comparison } = figures;
  return page([
    block([
      `**${status}** at **${stage}**: ${sentenceOf(state)}`,
      ...(error === undefined ? [] : [plainText(`${error.message} ${hintFor(state, error)}`).trim()]),
    ]),
    // What was counted says nothing about a cube that is empty again.
    ...(status === 'rolled_back'
      ? []
      : [
          block([
            ...(rows === undefined ? [] : [countsOf(rows)]),
            ...(comparison === undefined ? [] : [comparisonOf(comparison)]),
            ...reasonsOf(kind, rejects),
          ]),
        ]),
    ...commandBlock(
      needsPerson(state) ? 'What to type now:' : 'What to type, if need be:',
      nextCommands(id, state, (rejects?.unresolved ?? rows?.rejected ?? 1) > 0),
    ),
    `As it is now: \`cubeshift migrate status ${id}\``,
  ]);
}

function sentenceOf({ status, stage, openRejects }: MigrationState): string {
  switch (status) {
    case 'running':
      return stageSentences[stage];
    case 'waiting':
      return openRejects
        ? 'legacy and cube agree but for the rejects; a person decides about the open rejects, then completes the migration or rolls it back.'
        : 'legacy and cube agree; a person completes the migration or rolls it back.';
    case 'paused':
      return 'a person paused it; nothing was undone.';
    case 'blocked':
      return 'it stopped by itself and waits for a person.';
    case 'completed':
      return 'a person accepted it, and the moved rows belong to the cube.';
    case 'cancelled':
      return 'the rows that it moved stay in the cube, and the next migration of the kind adopts them.';
    case 'rolled_back':
      return 'every row that migrations of the kind put into the cube was removed.';
    case 'failed':
      return stage === 'preflight' ? 'nothing was changed.' : 'it ended before everything was undone.';
  }
}

const stageSentences: Readonly<Record<MigrationStage, string>> = {
  preflight: 'both databases are checked before anything is changed.',
  copying: 'rows are copied into the cube; this page counts them every half minute.',
  verifying: 'every row of legacy and cube is compared.',
  verified: 'legacy and cube agree.',
  synchronizing: 'the cube follows the changes in legacy.',
  cutting_over: 'the cube becomes the owner.',
  cut_over: 'the cube is the owner.',
  rolling_back: 'the rows that migrations of the kind put into the cube are removed.',
  done: 'it comes to its end.',
};

/** What to type is listed for the blocks that the plan knows. */
function hintFor({ blockedBy = 'other' }: MigrationState, { hint }: FailureReport): string {
  return blockedBy === 'other' ? hint : '';
}

function countsOf({ migrated, rejected, estimatedRows }: MovedRows): string {
  const total = estimatedRows === undefined ? migrated + rejected : `about ${estimatedRows}`;
  return `**${migrated}** rows moved, **${rejected}** rejected, of ${total}`;
}

function comparisonOf({ compared, mismatched }: Comparison): string {
  return `Last verification: **${compared}** rows compared, **${mismatched}** different`;
}

function reasonsOf(kind: MigrationKind, rejects: RejectCounts | undefined): readonly string[] {
  if (rejects === undefined) return [];
  const { open, topReasons } = rejects;
  if (open === 0) return ['No reject is open'];
  const others = open - topReasons.reduce((sum, { count }) => sum + count, 0);
  const reasons = topReasons.map(
    ({ reason, count }) => `**${count}** \`${reason}\`: ${plainText(rejectAdvice(kind, reason))}`,
  );
  return [
    listBlock(`**${open}** rejects are open:`, [
      ...reasons,
      ...(others > 0 ? [`**${others}** for other reasons`] : []),
    ]),
  ];
}

function needsPerson({ status }: MigrationState): boolean {
  return status === 'waiting' || status === 'blocked' || status === 'paused';
}
