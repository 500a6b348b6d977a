import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRowOperatorsOnly } from '../../../src/models/row-operators.js';
import { constant, type GraphNode, onnxModel, testModels, writeModel } from '../../support/onnx-graph.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'row-operators-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const judge = (model: Buffer) => hasRowOperatorsOnly(writeModel(folder, 'model', model));

/** A graph from x to y, both of rows of four, with the constants that its nodes name. */
function judgeNodes(...nodes: GraphNode[]): boolean {
  const value = { type: 'float32', shape: ['n', 4] } as const;
  return judge(
    onnxModel({
      nodes,
      inputs: [{ name: 'x', ...value }],
      outputs: [{ name: 'y', ...value }],
      constants: [
        constant('zero', 'int64', [1], [0]),
        constant('one', 'int64', [1], [1]),
        constant('none', 'int64', [0], []),
        constant('last', 'int64', [1], [-1]),
        constant('rows of four', 'int64', [2], [-1, 4]),
        constant('one row', 'int64', [2], [1, -1]),
        constant(
          'weights',
          'float32',
          [4, 4],
          Array.from({ length: 16 }, () => 1),
        ),
        constant('scale', 'float32', [], [0.1]),
      ],
    }),
  );
}
const node = (operator: string, inputs: string[], integers: Record<string, number> = {}, outputs = ['y']) => ({
  operator,
  inputs,
  outputs,
  integers,
});

describe('rows are computed each by itself', () => {
  test.each<[string, GraphNode[]]>([
    ['with weights', [node('MatMul', ['x', 'weights'])]],
    ['with weights that are computed of constants', [node('Neg', ['weights'], {}, ['w']), node('MatMul', ['x', 'w'])]],
    ['in fixed steps', [node('QuantizeLinear', ['x', 'scale'])]],
    ['where an operator works along columns', [node('ReduceSum', ['x', 'one'])]],
    ['by softmax', [node('Softmax', ['x'])]],
    ['in another shape', [node('Reshape', ['x', 'rows of four'])]],
    ['out of a table', [node('Gather', ['weights', 'x'])]],
  ])('%s', (_, nodes) => {
    expect(judgeNodes(...nodes)).toBe(true);
  });

  test('where a constant is a node', () => {
    const axes = {
      operator: 'Constant',
      inputs: [],
      outputs: ['axes'],
      tensor: { value: constant('', 'int64', [1], [1]) },
    };
    expect(judgeNodes(axes, node('ReduceSum', ['x', 'axes']))).toBe(true);
  });
});

describe('rows may have an effect on each other', () => {
  test.each<[string, GraphNode[]]>([
    ['along the rows', [node('ReduceMax', ['x', 'zero'])]],
    ['along all axes', [node('ReduceMax', ['x'])]],
    ['along no axis that is named', [node('ReduceMax', ['x', 'none'])]],
    ['along the last axis, which may be that of the rows', [node('ReduceMax', ['x', 'last'])]],
    ['along axes that are computed', [node('ReduceMax', ['x', 'x'])]],
    ['by softmax along the rows', [node('Softmax', ['x'], { axis: 0 })]],
    ['by the greatest of a column', [node('ArgMax', ['x'])]],
    ['as weights of each other', [node('MatMul', ['x', 'x'])]],
    ['on the right of weights', [node('MatMul', ['weights', 'x'])]],
    ['on their side', [node('Gemm', ['x', 'weights'], { transA: 1 })]],
    ['in steps that are computed', [node('QuantizeLinear', ['x', 'x'])]],
    ['as one row', [node('Reshape', ['x', 'one row'])]],
    ['one behind the other', [node('Concat', ['x', 'x'], { axis: 0 })]],
    ['by an operator that is not known', [node('CumSum', ['x', 'zero'])]],
    ['by chance', [node('RandomUniformLike', ['x'])]],
    ['by an operator of another domain', [{ ...node('Add', ['x', 'x']), domain: 'com.example' }]],
  ])('%s', (_, nodes) => {
    expect(judgeNodes(...nodes)).toBe(false);
  });

  test('in steps by the least and the greatest of all', () => {
    expect(judge(testModels.roundsByAllRows())).toBe(false);
  });

  test('in the body of a loop', () => {
    expect(judge(testModels.takesLong())).toBe(false);
  });

  test('in a file that is no graph', () => {
    expect(judge(Buffer.from('no graph'))).toBe(false);
    expect(judge(Buffer.alloc(0))).toBe(false);
  });
});
