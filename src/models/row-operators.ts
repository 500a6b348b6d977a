import { type GraphNode, graphNodes } from './graph-nodes.js';
import { readOnnxFile } from './onnx-file.js';

/**
 * Whether a graph consists of operators alone that compute each row by itself, as the list below knows them. It answers no where it
 * does not know: for any other operator, and where an operator works along the rows or by what it computed of all of them, as a
 * dynamic quantisation does.
 */
export function hasRowOperatorsOnly(file: string): boolean {
  const answer = readOnnxFile(file, (bytes) => {
    const graph = graphNodes(bytes);
    return graph !== undefined && areRowOperators(graph.nodes, new Map(graph.constants));
  });
  return answer ?? false;
}

/** What a rule knows of a node. */
interface Node extends Pick<GraphNode, 'integers' | 'texts'> {
  /** Whether an input is the same for every request: a constant, what constants give, or left out. */
  isFixed(input: number): boolean;
  readonly inputCount: number;
  /** The numbers of an input that is a small constant. */
  numbers(input: number): readonly number[] | undefined;
}

/** Adds to `fixed` what constants give. */
function areRowOperators(nodes: Iterable<GraphNode>, fixed: Map<string, readonly number[] | undefined>): boolean {
  /** Tokens that are filled up to the longest text of a batch, with what they are filled up. */
  const filledUp = new Map<string, string>();
  for (const node of nodes) {
    const { operator, inputs, outputs } = node;
    if (operator === 'Constant') {
      for (const name of outputs) fixed.set(name, node.constant());
      continue;
    }
    const rule = rules.get(operator);
    if (rule === undefined) return false;
    if (inputs.length > 0 && inputs.every((name) => name === '' || fixed.has(name))) {
      for (const name of outputs) fixed.set(name, undefined);
      continue;
    }
    const known: Node = {
      integers: (name) => node.integers(name),
      texts: (name) => node.texts(name),
      isFixed: (at) => (inputs[at] ?? '') === '' || fixed.has(inputs[at] ?? ''),
      inputCount: inputs.length,
      numbers: (at) => fixed.get(inputs[at] ?? ''),
    };
    if (!rule(known)) return false;
    for (const name of inputs) {
      const filling = filledUp.get(name);
      if (filling === undefined) continue;
      if (operator === 'Flatten') for (const output of outputs) filledUp.set(output, filling);
      // Among the words that count, the filling would count too.
      else if (operator !== 'TfIdfVectorizer' || node.texts('pool_strings').includes(filling)) return false;
    }
    if (operator === tokenizer) for (const name of outputs) filledUp.set(name, node.texts('pad_value')[0] ?? '');
  }
  return true;
}

type Rule = (node: Node) => boolean;
const tokenizer = 'com.microsoft:Tokenizer';

const always: Rule = () => true;
/** The first input has the rows. */
const othersFixed: Rule = ({ inputCount, isFixed }) =>
  Array.from({ length: inputCount }, (_, at) => at).every((at) => at === 0 || isFixed(at));
const isWithinRow = (axis: number | undefined) => axis !== undefined && axis >= 1;
const alongAxis: Rule = (node) => isWithinRow(node.integers('axis')?.[0]);
const alongAxes: Rule = (node) => {
  const axes = node.integers('axes') ?? node.numbers(1);
  return axes !== undefined && axes.length > 0 && axes.every(isWithinRow);
};
/** The last axis is what it is without one. */
const alongAxisOrLast: Rule = (node) => [undefined, -1].includes(node.integers('axis')?.[0]) || alongAxis(node);
/** The numbers of a row stay together, since the first size is the number of rows or whatever is left. */
const reshapes: Rule = (node) => [0, -1].includes(node.numbers(1)?.[0] ?? 1);
/** Rows of a table by the numbers in the rows, or columns of the rows. */
const gathers: Rule = (node) =>
  node.isFixed(0) ? (node.integers('axis')?.[0] ?? 0) === 0 : node.isFixed(1) && alongAxis(node);

function list(rule: Rule, operators: string): [string, Rule][] {
  return operators.split(/\s+/).map((operator) => [operator, rule]);
}

const rules: ReadonlyMap<string, Rule> = new Map([
  ...list(always, 'Abs Acos Asin Atan Cast Ceil Cos Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity IsInf IsNaN'),
  ...list(always, 'LeakyRelu Log Neg Not Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Tan Tanh'),
  ...list(
    always,
    'Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mul Or Pow PRelu Sub Sum Where Xor',
  ),
  ...list(othersFixed, 'Clip Conv DequantizeLinear MatMul QLinearConv QLinearMatMul QuantizeLinear'),
  ['Gemm', (node) => (node.integers('transA')?.[0] ?? 0) === 0 && othersFixed(node)],
  ...list(always, 'AveragePool GlobalAveragePool GlobalMaxPool TfIdfVectorizer'),
  ...list(alongAxis, 'ArgMax ArgMin Concat'),
  ['Split', (node) => alongAxis(node) && othersFixed(node)],
  ...list(alongAxes, 'ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum'),
  ...list(alongAxes, 'ReduceSumSquare Squeeze Unsqueeze'),
  ...list(alongAxisOrLast, 'LogSoftmax Softmax'),
  ['Flatten', (node) => (node.integers('axis')?.[0] ?? 1) === 1],
  ['Reshape', reshapes],
  ['Gather', gathers],
  ['ai.onnx.ml:ArrayFeatureExtractor', (node) => node.isFixed(0) || node.isFixed(1)],
  ...list(always, 'ai.onnx.ml:Binarizer ai.onnx.ml:CategoryMapper ai.onnx.ml:Imputer ai.onnx.ml:LabelEncoder'),
  ...list(always, 'ai.onnx.ml:LinearClassifier ai.onnx.ml:LinearRegressor ai.onnx.ml:Normalizer'),
  ...list(always, 'ai.onnx.ml:OneHotEncoder ai.onnx.ml:Scaler ai.onnx.ml:SVMClassifier ai.onnx.ml:SVMRegressor'),
  ...list(always, 'ai.onnx.ml:TreeEnsembleClassifier ai.onnx.ml:TreeEnsembleRegressor'),
  [tokenizer, always],
]);
