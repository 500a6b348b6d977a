import {
  type ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { CubeTraffic } from '../../activities/cube-traffic.js';
import { findCube } from '../../domain/cubes.js';
import { joinedAs } from '../../domain/deployment/joined-rollback.js';
import {
  type Acknowledgement,
  type RollbackCall,
  type RollbackInput,
  type RollbackStatus,
  type RollbackView,
  rollbackAnswers,
} from '../../domain/deployment/rollback.js';
import type { ReopenedTraffic, TrafficBefore } from '../../domain/deployment/stopped-traffic.js';
import type { NextCommand } from '../../domain/next-command.js';
import { cubeChangeDetails } from '../lib/cube-change-details.js';
import { CubeChangeRun } from '../lib/cube-change-run.js';
import { acknowledgeUpdate, joinUpdate } from '../lib/messages.js';
import { notAtThisStage, PendingCommand, planIsEnding } from '../lib/pending-command.js';
import { PublishedView } from '../lib/published-view.js';
import type { ReceivedRequests } from '../lib/received-requests.js';
import { profiles } from '../lib/retry-profiles.js';

const { extendHold } = proxyActivities<Pick<CubeTraffic, 'extendHold'>>(profiles.holdExtension);

/** One emergency rollback as its plan sees it: what it found and did, what a person answered, and its view. */
export class RollbackRun extends CubeChangeRun {
  traffic: TrafficBefore | undefined;
  reopened: ReopenedTraffic | undefined;
  from: string | undefined;
  /** The version that the rollback goes to, once that is known. */
  target: string | undefined;
  /** The version that a person named, at the start or in an answer; null: the one that is warm. */
  named: string | null;
  stoppedAt: string | undefined;
  restoredAt: string | undefined;
  private status: RollbackStatus = 'running';
  private statusSentence = 'It has just begun.';
  private acknowledgedBy: string | null = null;
  private trafficSteps = 0;
  private readonly published = new PublishedView<RollbackView>();
  private waiting: CancellationScope | undefined;
  private waited = Promise.resolve();
  private readonly answers = new PendingCommand<'answer', Acknowledgement>((pending) =>
    this.status === 'escalated' && pending === undefined ? ['answer'] : [],
  );

  constructor(
    readonly input: RollbackInput,
    readonly received: ReceivedRequests,
  ) {
    super(input.cubeId);
    this.named = input.targetVersion;
    this.listen();
    this.show();
  }

  get sentence(): string {
    return this.statusSentence;
  }

  /** Numbers the steps that change the traffic. */
  nextTrafficStep(): number {
    return ++this.trafficSteps;
  }

  /** Why the cube stays closed though all is well, in a sentence; undefined where it is open. */
  get holdsTraffic(): string | undefined {
    return this.closedBy === null ? undefined : `the cube was closed by ${this.closedBy}, and stays closed`;
  }

  private get closedBy(): string | null {
    return this.reopened?.passed ? this.reopened.closedBy : null;
  }

  /** Users wait until a step lets them in, or the rollback ends; a hold would end by itself. */
  keepUsersWaiting(sequence: number): void {
    const before = this.endWaiting();
    this.waiting = new CancellationScope({ cancellable: true });
    this.waited = this.waiting
      .run(() => extendHold(this.change, sequence))
      .catch((error: unknown) => {
        if (!isCancellation(error)) this.recordStep('keep_away', 'users could not be kept waiting');
      })
      .then(() => before);
  }

  /** Returns once no step keeps users waiting any more: nothing of a rollback runs after its end. */
  endWaiting(): Promise<void> {
    this.waiting?.cancel();
    return this.waited;
  }

  healthQuestion(version: string, seconds: number) {
    return { change: this.change, version, seconds };
  }

  become(status: RollbackStatus, sentence: string): void {
    this.status = status;
    this.statusSentence = sentence;
    this.recordStep(status, sentence);
  }

  protected override show(): void {
    const { status, currentStep, goal, statusSentence, steps, next, input } = this;
    const sentence = status === 'running' ? `${currentStep}: ${goal}` : statusSentence;
    const look = `cubeshift cubes rollback ${input.cubeId} --status`;
    setCurrentDetails(cubeChangeDetails({ status, sentence, steps, next, look }));
    this.published.publish(this.view);
  }

  /** Waits for a person's answer to the escalation, and goes by it. */
  async awaitAnswer(): Promise<Acknowledgement> {
    const { request: answer } = await this.answers.next();
    const { by, why, retry, targetVersion } = answer;
    this.acknowledgedBy = by;
    if (targetVersion !== undefined) {
      this.named = targetVersion;
      this.target = undefined;
    }
    this.restoredAt = undefined;
    this.status = 'running';
    this.recordStep('acknowledged', `${by}: ${why}${retry ? '; the steps are tried again' : ''}`);
    this.answers.settle('applied');
    return answer;
  }

  /** Returns once every update has been answered. */
  async finish(): Promise<void> {
    this.answers.close();
    await condition(allHandlersFinished);
  }

  /** What a person may type now; empty while the rollback waits for no person. */
  get next(): readonly NextCommand[] {
    const { status, traffic, input } = this;
    if (status !== 'escalated') return [];
    return rollbackAnswers(input.cubeId, findCube(input.cubeId)?.trafficName ?? null, traffic === undefined);
  }

  get view(): RollbackView {
    const { cubeId, by } = this.input;
    return {
      cube_id: cubeId,
      ...this.plan,
      target_version: this.target ?? this.named,
      from_version: this.from ?? null,
      status: this.status,
      step: this.currentStep,
      sentence: this.status === 'running' ? (this.steps.at(-1)?.sentence ?? this.sentence) : this.sentence,
      by,
      steps: [...this.steps],
      traffic_stopped_at: this.stoppedAt ?? null,
      traffic_restored_at: this.restoredAt ?? null,
      closed_by: this.closedBy,
      acknowledged_by: this.acknowledgedBy,
      next: this.next,
    };
  }

  private listen(): void {
    setHandler(
      acknowledgeUpdate,
      async (answer: Acknowledgement) => {
        this.received.receiveUpdate('acknowledge', answer);
        await this.answers.submit({ action: 'answer', request: answer });
        return this.view;
      },
      { validator: (_answer: Acknowledgement) => this.checkEscalated() },
    );
    setHandler(
      joinUpdate,
      async (call: RollbackCall) => {
        this.received.receiveUpdate('join', call);
        const { by, targetVersion } = call;
        if (targetVersion !== null && this.status === 'escalated') {
          const answer = { by, why: `go back to ${targetVersion}`, retry: true, targetVersion };
          await this.answers.submit({ action: 'answer', request: answer });
        }
        return this.view;
      },
      { validator: (call: RollbackCall) => this.checkJoined(call) },
    );
  }

  private checkEscalated(): void {
    if (this.answers.accepts('answer')) return;
    throw rejectedUpdate(`The rollback is ${this.status}; there is nothing to acknowledge.`, []);
  }

  /** Refuses a call that the rollback does not go by. */
  private checkJoined({ targetVersion }: RollbackCall): void {
    const { status } = this;
    const goesTo = this.target ?? this.named;
    switch (joinedAs({ status, goesTo }, targetVersion)) {
      case 'joins':
        return;
      case 'answers':
        this.checkEscalated();
        return;
      case 'needs_person':
        throw rejectedUpdate(`The rollback waits for a person: ${this.sentence}`, this.next);
      case 'is_ending':
        throw planIsEnding(`A rollback is ${status}, and about to end.`);
      case 'is_other': {
        const to = goesTo === null ? '' : ` to ${goesTo}`;
        throw rejectedUpdate(`A rollback${to} is ${status}; it does not go to ${targetVersion}.`, []);
      }
    }
  }
}

/** Names the commands that fit instead, so that the caller knows what to type. */
function rejectedUpdate(message: string, next: readonly NextCommand[]): ApplicationFailure {
  return notAtThisStage(
    message,
    next.map(({ command }) => command),
  );
}
