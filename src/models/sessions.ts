import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import {
  type Batch,
  firstRows,
  type GraphSchema,
  isElementType,
  repeatRow,
  type Tensor,
  type TensorData,
  type TensorSchema,
} from '../domain/models/tensors.js';
import type { LoadFailure, ModelAnswer, ModelRequest } from './messages.js';
import { joinsRows } from './row-independence.js';
import { hasRowOperatorsOnly } from './row-operators.js';
import { sessionOptions } from './session-options.js';

/** The sessions of one model process: what it answers to each request. */
export class Sessions {
  private readonly sessions = new Map<string, InferenceSession>();
  private readonly graphs = new Map<string, GraphSchema>();

  async answer(request: ModelRequest): Promise<ModelAnswer> {
    switch (request.kind) {
      case 'load':
        return this.load(request.key, request.file);
      case 'run':
        return this.run(request.key, request.batch);
      case 'release':
        await this.sessions.get(request.key)?.release();
        this.sessions.delete(request.key);
        this.graphs.delete(request.key);
        return { kind: 'released' };
    }
  }

  private async load(key: string, file: string): Promise<ModelAnswer> {
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(file, sessionOptions);
    } catch (error) {
      return { kind: 'not_loaded', failure: loadFailure(error) };
    }
    const graph = graphSchema(session);
    if ('kind' in graph) {
      await session.release();
      return { kind: 'not_loaded', failure: graph };
    }
    await this.sessions.get(key)?.release();
    this.sessions.set(key, session);
    this.graphs.set(key, graph);
    const joins = hasRowOperatorsOnly(file) && (await joinsRows(graph, (batch) => compute(session, graph, batch)));
    return { kind: 'loaded', graph, joinsRows: joins };
  }

  private async run(key: string, batch: Batch): Promise<ModelAnswer> {
    const [session, graph] = [this.sessions.get(key), this.graphs.get(key)];
    if (session === undefined || graph === undefined) return { kind: 'failed', message: 'The model is not loaded.' };
    try {
      return { kind: 'computed', batch: await compute(session, graph, batch) };
    } catch (error) {
      const isMemory = isOutOfMemory(error);
      return {
        kind: 'failed',
        message: isMemory ? 'The model ran out of memory.' : 'The model cannot compute these inputs.',
      };
    }
  }
}

/** A graph with a fixed number of rows computes the row of a batch as often as it wants rows; the other outputs are dropped. */
async function compute(session: InferenceSession, graph: GraphSchema, { rows, tensors }: Batch): Promise<Batch> {
  const feeds = graph.inputs.flatMap(({ name, shape }) => {
    const given = tensors[name];
    if (given === undefined) return [];
    const { type, dims, data } = repeatRow(given, shape[0] ?? 1);
    // The constructor's overloads take each type apart; data and type belong together by construction.
    return [[name, new RuntimeTensor(type as 'float32', data as Float32Array, dims)]];
  });
  const results = await session.run(Object.fromEntries(feeds));
  const outputs = Object.entries(results).map(([name, { type, dims, data }]): [string, Tensor] => {
    if (!isElementType(type)) throw new Error('an output changed its type');
    return [name, firstRows({ type, dims, data: data as TensorData }, rows)];
  });
  return { rows, tensors: Object.fromEntries(outputs) };
}

/** The graph's inputs and outputs, or why no request could carry their values. */
function graphSchema({ inputMetadata, outputMetadata }: InferenceSession): GraphSchema | LoadFailure {
  const inputs = inputMetadata.map(tensorSchema);
  const outputs = outputMetadata.map(tensorSchema);
  for (const schema of [...inputs, ...outputs]) if ('kind' in schema) return schema;
  return { inputs: inputs as TensorSchema[], outputs: outputs as TensorSchema[] };
}

function tensorSchema(value: InferenceSession.ValueMetadata): TensorSchema | LoadFailure {
  const unsupported = (what: string): LoadFailure => ({
    kind: 'operator_unsupported',
    message: `${value.name} is ${what}, which requests cannot carry.`,
  });
  if (!value.isTensor) return unsupported('no tensor');
  const { name, type, shape } = value;
  if (!isElementType(type)) return unsupported(`of type ${type}`);
  return { name, type, shape: shape.map((size) => (typeof size === 'number' && size >= 0 ? size : null)) };
}

/** The runtime says why in its message alone. */
function loadFailure(error: unknown): LoadFailure {
  const text = error instanceof Error ? error.message : '';
  if (isOutOfMemory(error)) return { kind: 'memory_exceeded', message: 'The model wants more memory than there is.' };
  if (unsupported.test(text))
    return { kind: 'operator_unsupported', message: 'The runtime has no implementation of an operator of the graph.' };
  return { kind: 'artifact_unreadable', message: 'The runtime cannot parse the graph.' };
}

const unsupported =
  /not a registered function|No Op registered|Unsupported model IR version|guarantees\* support|NOT_IMPLEMENTED|Could not find an implementation|opset .* is under development|Type 'tensor\(\w+\)' of input parameter/i;

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && /bad_alloc|failed to allocate memory|out of memory|BFCArena/i.test(error.message);
}
