import { Failure } from '../../../base/failures.js';

/** The default size of a step in percentage points. */
const usualStep = 10;

/**
 * The weights a ramp goes through, rising, the last one its target: those given, or multiples of `step`. Without a target
 * steps that are given end where they end, and others at 100. Throws `invalid_input` that names the field.
 */
export function planSteps(request: {
  readonly target?: number | undefined;
  readonly step?: number | undefined;
  readonly steps?: readonly number[] | undefined;
}): readonly number[] {
  const { step, steps, target = steps?.at(-1) ?? 100 } = request;
  if (step !== undefined && steps !== undefined) throw wrong('steps', 'and step exclude each other');
  if (request.target !== undefined && !isWeight(target))
    throw wrong('target_percentage', 'must be a whole number from 1 to 100');
  if (steps !== undefined) return givenSteps(steps, target);
  const width = step ?? usualStep;
  if (!isWeight(width)) throw wrong('step', 'must be a whole number from 1 to 100');
  const multiples = Array.from({ length: Math.ceil(target / width) - 1 }, (_, place) => (place + 1) * width);
  return [...multiples, target];
}

function givenSteps(given: readonly number[], target: number): readonly number[] {
  if (given.length === 0) throw wrong('steps', 'must not be empty');
  given.forEach((weight, place) => {
    if (!isWeight(weight) || weight <= (given[place - 1] ?? 0))
      throw wrong('steps', 'must be whole numbers from 1 to 100, each greater than the one before');
  });
  if (given.some((weight) => weight > target)) throw wrong('steps', `must not go beyond the target of ${target} %`);
  return [...given.filter((weight) => weight < target), target];
}

/** The step after a weight, which need not be one of the steps; undefined at the target or beyond. */
export function nextStep(steps: readonly number[], weight: number): number | undefined {
  return steps.find((step) => step > weight);
}

function isWeight(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 100;
}

function wrong(field: string, what: string): Failure {
  return new Failure('invalid_input', `body.${field} ${what}.`, { details: { field: `body.${field}` } });
}
