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
import { profiles } from './options.js';

const outside = proxyActivities<Pick<OutsideRequests, 'recordOutsideRequest'>>(profiles.ledgerWrite);
/** A computation of the worker that has the plan: what is proven costs an event and no step. */
const proofs = proxyLocalActivities<Pick<OutsideRequests, 'checkProof'>>({ startToCloseTimeout: '5 seconds' });

/**
 * Has everything looked at that reaches a plan, beside what the plan does: what the control API did not send is told in the
 * audit. It is carried out all the same: who may use Temporal may steer plans, and only must not do it unseen.
 */
export class ReceivedRequests {
  private readonly known = new Set<string>();
  private readonly unrecorded = new Map<number, ReceivedRequest>();
  private count = 0;

  /** `payload` is all that the plan is started with, the proof apart. */
  constructor(payload: unknown, proof: RequestProof | undefined) {
    // What goes on in a new history, or after a retry of its server, was started before.
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

  /** Whether all was told that there was to tell: a new history would cut off what was not. */
  get settled(): boolean {
    return this.unrecorded.size === 0;
  }

  /** Before a plan ends that cannot wait for a database: plans of their own go on telling. */
  async handOver(): Promise<void> {
    for (const received of this.unrecorded.values())
      await startChild('outsideRequest', {
        workflowId: `outside/${received.runId}/${received.count}`,
        args: [received],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
  }

  private receive(word: string, payload: unknown, proof: RequestProof | undefined): void {
    const { workflowId, runId, startTime } = workflowInfo();
    const count = ++this.count;
    const again = proof !== undefined && this.known.has(proof.id);
    if (proof !== undefined) this.known.add(proof.id);
    // Temporal had a start when it took it, however long that waited for a worker.
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
