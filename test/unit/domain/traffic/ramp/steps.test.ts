import { expect, test } from 'vitest';
import { planSteps } from '../../../../../src/domain/traffic/ramp/steps.js';

test.each([
  ['steps end where they end', { steps: [1, 5, 10] }, [1, 5, 10]],
  ['a single step too', { steps: [5] }, [5]],
  ['unless a target is given', { steps: [1, 5, 10], target: 50 }, [1, 5, 10, 50]],
  ['that may be the last of them', { steps: [1, 5, 10], target: 10 }, [1, 5, 10]],
  ['without steps it goes to 100 by tens', {}, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]],
  ['by the width that is given', { step: 40 }, [40, 80, 100]],
  ['to the target that is given', { step: 40, target: 50 }, [40, 50]],
  ['of one step where that is wider', { step: 50, target: 5 }, [5]],
])('%s', (_what, asked, steps) => expect(planSteps(asked)).toEqual(steps));

test.each([
  ['no steps', { steps: [] }, 'body.steps'],
  ['a step of nobody', { steps: [0] }, 'body.steps'],
  ['a step beyond everybody', { steps: [5, 101] }, 'body.steps'],
  ['steps that fall', { steps: [10, 5] }, 'body.steps'],
  ['steps beyond the target', { steps: [10], target: 5 }, 'body.steps'],
  ['steps and a width', { steps: [10], step: 5 }, 'body.steps'],
  ['a target of nobody', { target: 0 }, 'body.target_percentage'],
])('%s: refused by the name of the field', (_what, asked, field) => {
  expect(() => planSteps(asked)).toThrow(expect.objectContaining({ type: 'invalid_input', details: { field } }));
});
