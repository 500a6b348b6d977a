import {
  CancellationScope,
  ParentClosePolicy,
  proxyActivities,
  proxyLocalActivities,
  setDefaultSignalHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { OutsideRequests } from '../../activities/outside-requests.js';
import type { ReceivedRequest, RequestProof } from '../../domain/plan-requests.js';
import { summaryLine } from '../../domain/summary-line.js';
import { profiles } from './retry-profiles.js';

const outside = proxyActivities<Pick<OutsideRequests, 'recordOutsideRequest'>>(profiles.ledgerWrite);
/** A computation in the worker that runs the plan: a proven request costs an event and no step. */
const proofs = proxyLocalActivities<Pick<OutsideRequests, 'checkProof'>>({ startToCloseTimeout: '5 seconds' });

/**
 * Checks every request that reaches a plan, while the plan runs: the audit records those that the control API did not send.
 * The plan carries them out all the same: a person who may use Temporal may steer plans, but not unseen.
 */
export class ReceivedRequests {
  private readonly known = new Set<string>();
  private readonly unrecorded = new Map<number, ReceivedRequest>();
  private count = 0;

  /** `payload` is everything that the plan starts with, except the proof. */
  constructor(payload: unknown, proof: RequestProof | undefined) {
    // A run that continues in a new history was started, and checked, before.
    if (workflowInfo().continuedFromExecutionRunId === undefined) this.receive('start', payload, proof);
    setDefaultSignalHandler((name) => this.receive(`signal ${name}`, {}, undefined));
  }

  /** An update, with what was sent; its `proof` is not part of what it says. */
  receiveUpdate(word: string, { proof, ...payload }: { readonly proof?: RequestProof | undefined }): void {
    this.receive(word, payload, proof);
  }

  /** Temporal's own request to cancel a workflow. */
  receiveCancellation(): void {
    this.receive('cancel', {}, undefined);
  }

  /** Whether every request is checked and, if need be, recorded: a new history would cut off the rest. */
  get settled(): boolean {
    return this.unrecorded.size === 0;
  }

  /** Before a plan ends that cannot wait for a database: plans of their own record what is left. */
  async handOver(): Promise<void> {
    for (const received of this.unrecorded.values())
      await startChild('outsideRequest', {
        workflowId: `outside/${received.runId}/${received.count}`,
        args: [received],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: summaryLine(`Audit: ${received.word} of ${received.workflowId} past the control API`),
      });
  }

  private receive(word: string, payload: unknown, proof: RequestProof | undefined): void {
    const { workflowId, runId, startTime } = workflowInfo();
    const count = ++this.count;
    const again = proof !== undefined && this.known.has(proof.id);
    if (proof !== undefined) this.known.add(proof.id);
    // Temporal received a start when it accepted it, however long the start waited for a worker.
    const receivedAt = (word === 'start' ? startTime : new Date()).toISOString();
    const received = { workflowId, runId, word, payload, proof, receivedAt, count, again };
    this.unrecorded.set(count, received);
    void CancellationScope.nonCancellable(async () => {
      if (!(await proofs.checkProof(received))) await outside.recordOutsideRequest(received);
    }).then(
      () => this.unrecorded.delete(count),
      () => undefined,
    );
  }
}
