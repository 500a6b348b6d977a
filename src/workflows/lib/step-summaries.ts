import type { AuditRecord } from '../../activities/audit-record.js';
import type { CrawlSteps } from '../../activities/crawl-steps.js';
import type { CubeConsistency } from '../../activities/cube-consistency.js';
import type { CubeHealth } from '../../activities/cube-health.js';
import type { CubeTraffic } from '../../activities/cube-traffic.js';
import type { CubeVersions } from '../../activities/cube-versions.js';
import type { DocumentSteps } from '../../activities/document-steps.js';
import type { EscalationSteps } from '../../activities/escalation.js';
import type { ItemSteps } from '../../activities/item-steps.js';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import type { OutsideRequests } from '../../activities/outside-requests.js';
import type { TrafficReads, WeightSteps } from '../../activities/traffic.js';
import { itemName } from '../../domain/migration/items.js';
import { isNamed, type RejectSelection } from '../../domain/migration/reject-selection.js';
import { summaryLine } from '../../domain/summary-line.js';

type Steps = AuditRecord &
  CrawlSteps &
  CubeConsistency &
  CubeHealth &
  CubeTraffic &
  CubeVersions &
  DocumentSteps &
  EscalationSteps &
  ItemSteps &
  LedgerSteps &
  MigrationSteps &
  OutsideRequests &
  TrafficReads &
  WeightSteps;

/** Every activity that a plan may call has a line here, or this does not compile. */
type Summaries = {
  readonly [Name in keyof Steps]: string | ((...args: Parameters<Steps[Name]>) => string);
};

/**
 * What each step does, as the history shows it to an operator: names, ids and counts, never the contents of a record, and no text
 * that a person or a server wrote.
 */
const summaries: Summaries = {
  preflight: 'Check both databases before anything is changed',
  copyLane: ({ lane, options }) => `Copy rows into the cube, lane ${lane + 1} of ${options.lanes}`,
  verifyRows: 'Compare every row of legacy and cube',
  passOverChanges: 'Move again what legacy has changed',
  repairRows: 'Copy again the rows that differ',
  retryRejects: (_run, _options, ids) => `Retry ${selected(ids)}`,
  removeMovedRows: 'Remove from the cube what migrations of the kind moved there',

  recordState: (_run, { status, stage }) => `Record in the ledger: ${status} at ${stage}`,
  recordPending: (_run, action) => `Record in the ledger that ${action} is pending`,
  releaseRanges: 'Release the ranges that lanes have claimed',
  countCopied: 'Count in the ledger what was moved',
  countRejects: 'Count rejects by reason',
  startVerification: 'Begin a verification in the ledger',
  acceptRejects: (_run, ids) => `Accept ${selected(ids)}`,
  finalize: 'Hand the moved rows over to the cube for good',

  listItems: (_run, after) => (after === null ? 'List items' : `List items behind ${after}`),
  runItemStep: ({ kind }, item, step) => `${step} item ${itemName(kind, item)}`,
  undoItem: ({ kind }, item) => `Undo the steps of item ${itemName(kind, item)}`,
  rejectItems: (_run, rejected) => `Reject ${rejected.length} unfit items`,
  undoItems: (_run, scope) => (scope === 'all' ? 'Undo all items' : 'Undo items that are in the middle of their steps'),

  observeTraffic: (cube) => `Read weight, instances and metrics of ${cube}`,
  checkWrites: (cube) => `Check that the ${cube} cube can write`,
  compareUserLatencies: (cube) => `Compare the latencies of legacy and the ${cube} cube`,
  setWeight: ({ cube, percentage }) => `Set the weight of ${cube} to ${percentage} %`,
  recordMove: ({ cube, from, to }) => `Record in the audit: ${cube} from ${from} % to ${to} %`,

  claimCube: ({ cubeId }, kind) => `Claim ${cubeId} for this ${kind}`,
  releaseCube: ({ cubeId }) => `Release the claim on ${cubeId}`,
  findTarget: (_change, named) => `Look up ${named === null ? 'the version that is still warm' : `version ${named}`}`,
  deployVersion: (_change, version, instances) => `Start version ${version}: ${instances} instances`,
  restartVersion: (_change, version) => `Replace every instance of version ${version}`,
  scaleVersion: (_change, version, instances) => `Scale version ${version} to ${instances} instances`,
  activateVersion: (_change, version) => `Give version ${version} the traffic`,
  keepVersions: (_change, versions) => `Stop every version except ${versions.join(', ')}`,
  restoreVersions: (_change, { active }) => `Put back what ran before: version ${active} has the traffic`,

  awaitVersion: ({ version, seconds }) => `Wait up to ${seconds} s until version ${version} is ready`,
  smokeTest: ({ version }) => `Call version ${version} and check its answers`,
  watchVersion: ({ version, seconds }) => `Watch version ${version} for ${seconds} s`,
  checkConsistency: (_change, version) => `Check that the data fits version ${version}`,

  readTraffic: ({ cubeId }) => `Read how users reach ${cubeId}`,
  stopTraffic: ({ cubeId }) => `Keep users from ${cubeId}`,
  extendHold: ({ cubeId }) => `Let users of ${cubeId} wait at the gateways`,
  resumeTraffic: ({ cubeId }) => `Let users reach ${cubeId} as before`,
  callWebhook: ({ cube_id }) => `Call a person: the rollback of ${cube_id} needs an answer`,

  readDocument: ({ fileId, kind }) => `Read pages of file ${fileId} for ${kind}`,
  recordResult: ({ fileId, kind }) => `Write the result of ${kind} of file ${fileId}`,
  recordFailure: ({ fileId, kind }, reason) => `Record that ${kind} of file ${fileId} failed: ${reason}`,

  beginRun: ({ jobId }) => `Begin a run of job ${jobId}`,
  fetchUrls: ({ jobId }) => `Fetch URLs of job ${jobId}`,
  endRun: ({ jobId }) => `End the run of job ${jobId}`,

  recordAct: ({ action, subject }) => `Record in the audit: ${action} of ${subject}`,
  checkProof: ({ word }) => `Check who sent ${word}`,
  recordOutsideRequest: ({ word }) => `Record in the audit that ${word} did not come from the control API`,
};

/** The summary of a step with these arguments; undefined for a step of another worker's. */
export function summaryOf(step: string, args: readonly unknown[]): string | undefined {
  if (!Object.hasOwn(summaries, step)) return undefined;
  const summary = summaries[step as keyof Summaries];
  const text = typeof summary === 'string' ? summary : (summary as (...args: readonly unknown[]) => string)(...args);
  return summaryLine(text);
}

function selected(rejects: RejectSelection): string {
  if (rejects === 'all') return 'all rejects';
  if (isNamed(rejects)) return rejects.length === 1 ? `reject ${rejects[0]}` : `${rejects.length} rejects`;
  const { reason, table } = rejects;
  return ['rejects', reason && `with reason ${reason}`, table && `of table ${table}`].filter(Boolean).join(' ');
}
