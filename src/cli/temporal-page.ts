import { toFailure } from '../base/failures.js';
import { readConfiguration } from '../config/configuration.js';
import { withoutLogin } from '../stack/temporal/ui-login.js';
import { liveEnvironment, ownEnvironment } from './current-stack.js';
import type { Output } from './output.js';

/** A run as Temporal knows it. */
interface PlanIds {
  readonly workflow_id: string;
  /** Null while it is not known. */
  readonly run_id: string | null;
}

/**
 * Names the page of a run in Temporal's Web UI, where that is known. The link that logs in is a secret: a log or a pipe has it
 * without the login, for a browser that has opened the Web UI before.
 */
export function showTemporalPage(plan: PlanIds, output: Output): void {
  try {
    const { url, namespace } = webUi();
    if (url === '') return;
    const base = process.stderr.isTTY ? url : withoutLogin(url);
    output.talk(`Temporal Web UI  ${base.replace(/\/$/, '')}${pageOf(namespace, plan)}`);
  } catch (error) {
    // What the command is for is done: a link that cannot be had is no failure of it.
    output.talk(toFailure(error).message);
  }
}

/** Of a run that is known the page with its details, else that of the newest run of the workflow. */
export function pageOf(namespace: string, { workflow_id: workflowId, run_id: runId }: PlanIds): string {
  const page = `/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return runId === null ? page : `${page}/${encodeURIComponent(runId)}/user-metadata`;
}

/** That of the Temporal server which the control API uses: of the stack, unless the caller names another control API. */
function webUi(): { readonly url: string; readonly namespace: string } {
  const own = ownEnvironment();
  const { TEMPORAL_NAMESPACE: namespace, TEMPORAL_UI_URL: url } = readConfiguration(
    own.CONTROL_URL ? own : { ...liveEnvironment(), ...own },
    ['TEMPORAL_NAMESPACE', 'TEMPORAL_UI_URL'],
  );
  return { url, namespace };
}
