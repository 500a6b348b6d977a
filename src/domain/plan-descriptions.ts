import type { AuditedAct } from './audit.js';
import { kindEntry } from './catalog.js';
import type { DeploymentInput } from './deployment/deployment.js';
import type { RollbackInput } from './deployment/rollback.js';
import type { MigrationInput } from './migration/migration.js';
import type { ProcessRequest } from './paperwork/processing-request.js';
import { summaryLine } from './summary-line.js';
import type { RampInput } from './traffic/ramp/ramp.js';

/** What Temporal's pages say of a run from its start on; no contents of records. */
export interface PlanDescription {
  /** One line. */
  readonly staticSummary: string;
  /** Markdown. */
  readonly staticDetails: string;
}

export function describeMigration({ id, kind, mode, options }: MigrationInput): PlanDescription {
  const { cube, tables } = kindEntry(kind);
  return {
    staticSummary: summaryLine(`Migration ${id}: ${kind} from legacy to ${cube}, mode ${mode}`),
    staticDetails: [
      `Moves ${tables.map(({ name }) => `\`${name}\``).join(', ')} of legacy into ${cube}, compares every row, and waits for a person.`,
      settings(options),
      commands([`migrate status ${id}`, `migrate pause ${id}`, `migrate rejects ${id}`]),
    ].join('\n\n'),
  };
}

export function describeRamp({ cube, steps, settings: given, by }: RampInput): PlanDescription {
  const { minimums, ...others } = given;
  return {
    staticSummary: summaryLine(`Ramp: users of ${cube} from legacy to the cube, up to ${steps.at(-1) ?? 0} %`),
    staticDetails: [
      `Raises the weight step by step (${steps.map((step) => `${step} %`).join(', ')}), leaves a step only with proof, and goes back by itself when users suffer. Started by ${by}.`,
      settings({ ...others, min_requests: minimums.requests, min_users: minimums.users }),
      commands([`traffic ramp ${cube} --status`, `traffic ramp ${cube} --pause`, `traffic stop ${cube}`]),
    ].join('\n\n'),
  };
}

export function describeDeployment({
  cubeId,
  change,
  by,
  readySeconds,
  watchSeconds,
}: DeploymentInput): PlanDescription {
  const what = {
    deploy: (version: string) => `Deploy version ${version} of ${cubeId}`,
    restart: () => `Restart every instance of ${cubeId}`,
    scale: () => `Scale ${cubeId}`,
  };
  const instances = 'instances' in change && change.instances !== null ? ` to ${change.instances} instances` : '';
  const summary = `${what[change.kind]('version' in change ? change.version : '')}${instances}`;
  return {
    staticSummary: summaryLine(summary),
    staticDetails: [
      `${summary}, without a pause for its users; a change that fails is taken back. Started by ${by}.`,
      settings({ ready_seconds: readySeconds, watch_seconds: watchSeconds }),
      commands(['cubes list', `cubes rollback ${cubeId} --wait`]),
    ].join('\n\n'),
  };
}

export function describeRollback(input: RollbackInput): PlanDescription {
  const { cubeId, targetVersion, by, readySeconds, watchSeconds } = input;
  const target = targetVersion === null ? 'the version that is still warm' : `version ${targetVersion}`;
  return {
    staticSummary: summaryLine(`Emergency rollback of ${cubeId} to ${target}`),
    staticDetails: [
      `Keeps users from ${cubeId}, brings ${target} back, checks the data and lets users in again; a step that fails calls a person. Nothing cancels it. Started by ${by}.`,
      settings({ ready_seconds: readySeconds, watch_seconds: watchSeconds }),
      commands([`cubes rollback ${cubeId} --status`]),
    ].join('\n\n'),
  };
}

export function describeAuditRecord({ action, subject, actor }: AuditedAct): PlanDescription {
  return {
    staticSummary: summaryLine(`Audit: ${action} of ${subject}`),
    staticDetails: `Records in the audit what ${actor} did while the database was away; tried until it is on record.`,
  };
}

export function describeProcessing({ fileId, kind }: ProcessRequest): PlanDescription {
  return {
    staticSummary: summaryLine(`Document ${fileId}: ${kind}`),
    staticDetails: `Reads file ${fileId} page by page, for \`${kind}\`, and writes the result. \`GET /files/${fileId}/process/${kind}\` of the paperwork cube says how far it is.`,
  };
}

export function describeCrawl(jobId: string): PlanDescription {
  return {
    staticSummary: summaryLine(`Crawler job ${jobId}: a run`),
    staticDetails: `Fetches each URL of job ${jobId} once, at the pace of its hosts, and keeps a result a page. \`GET /jobs/${jobId}\` of the crawler cube says when it runs next; \`POST /jobs/${jobId}/pause\` stops it.`,
  };
}

function settings(values: object): string {
  const listed = Object.entries(values).map(([name, value]) => `\`${name}\` ${value ?? 'none'}`);
  return `Settings: ${listed.join(', ')}`;
}

function commands(texts: readonly string[]): string {
  return `Commands: ${texts.map((text) => `\`cubeshift ${text}\``).join(', ')}`;
}
