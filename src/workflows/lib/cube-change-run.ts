import { ActivityFailure, ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { CheckResult } from '../../domain/check-result.js';
import type { ChangeReference } from '../../domain/deployment/change-reference.js';
import type { RecordedStep } from '../../domain/deployment/recorded-step.js';
import { failureOf } from './activity-failure.js';

/** Thrown out of a plan when a check did not find what the plan needs. */
export class CheckFailed extends Error {
  constructor(readonly sentence: string) {
    super(sentence);
    this.name = 'CheckFailed';
  }
}

/** A change of a cube that records what it does, step by step. */
export abstract class CubeChangeRun {
  readonly steps: RecordedStep[] = [];
  readonly change: ChangeReference;
  /** What Temporal calls the run, as its view has it. */
  protected readonly plan: { readonly workflow_id: string; readonly run_id: string };
  currentStep = 'begin';
  /** What the step under way is to bring about. */
  protected goal = 'it has just begun';

  constructor(cubeId: string) {
    const { workflowId, runId } = workflowInfo();
    this.change = { cubeId, holderId: `${workflowId}/${runId}` };
    this.plan = { workflow_id: workflowId, run_id: runId };
  }

  /** Runs one step and records it; `outcome` gives the sentence where it depends on the step's result. */
  async step<T>(step: string, sentence: string, work: () => Promise<T>, outcome = (_: T) => sentence): Promise<T> {
    this.currentStep = step;
    this.goal = sentence;
    this.show();
    const result = await work();
    this.recordStep(step, outcome(result));
    return result;
  }

  /** Runs a step that checks something; throws `CheckFailed` when the check does not pass. */
  async check(
    step: string,
    sentence: string,
    runCheck: () => Promise<CheckResult>,
    outcome = () => sentence,
  ): Promise<void> {
    await this.step(
      step,
      sentence,
      async () => {
        const verdict = await runCheck();
        if (!verdict.passed) throw new CheckFailed(verdict.sentence);
      },
      outcome,
    );
  }

  /** Shows where the change is to people who look at Temporal. */
  protected abstract show(): void;

  recordStep(step: string, sentence: string): void {
    this.steps.push({ step, at: this.now, sentence });
    this.show();
  }

  /** ISO 8601, UTC. */
  get now(): string {
    return new Date().toISOString();
  }
}

/** Why a plan stopped, in a sentence; undefined for a cancellation or a defect of the plan itself. */
export function sentenceOf(error: unknown): { sentence: string; type: string } | undefined {
  if (error instanceof CheckFailed) return { sentence: error.sentence, type: 'not_passed' };
  const failure = failureOf(error);
  if (failure !== undefined) return { sentence: failure.message.replace(/\.$/, ''), type: failure.type };
  if (!(error instanceof ActivityFailure) || error.cause instanceof ApplicationFailure) return undefined;
  return { sentence: `the step ${error.activityType} did not end in time`, type: 'step_stalled' };
}
