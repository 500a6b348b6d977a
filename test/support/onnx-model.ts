import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** A row of inputs: a value by input name, or the bare value of the only input. */
type Row = unknown;

export interface HeldOut {
  readonly rows: readonly Row[];
  readonly labels: readonly unknown[];
}

export function readHeldOut(path: string): HeldOut {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const read = lines.map((line) => JSON.parse(line) as { readonly inputs: Row; readonly label: unknown });
  return { rows: read.map(({ inputs }) => inputs), labels: read.map(({ label }) => label) };
}

/** Errors of loading come with a line on stderr as well, unless only fatal ones are logged. */
export async function loadModel(path: string): Promise<InferenceSession> {
  return InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 });
}

/** One value a row, of an output of [N] or [N,1], as JSON holds it. A graph with a fixed number of rows gets as many at a time. */
export async function predict(session: InferenceSession, rows: readonly Row[], output: string): Promise<unknown[]> {
  const first = session.inputMetadata[0];
  const fixed = first?.isTensor === true && typeof first.shape[0] === 'number' ? first.shape[0] : rows.length;
  const values: unknown[] = [];
  for (let start = 0; start < rows.length; start += fixed) {
    const answer = await session.run(feeds(session, rows.slice(start, start + fixed)), [output]);
    values.push(...Array.from(answer[output]?.data as Iterable<unknown>, plain));
  }
  const found = session.outputMetadata.find(({ name }) => name === output);
  const isTruth = found?.isTensor === true && found.type === 'bool';
  return isTruth ? values.map(Boolean) : values;
}

function feeds(session: InferenceSession, rows: readonly Row[]): Record<string, Tensor> {
  return Object.fromEntries(
    session.inputMetadata.map((input) => {
      if (!input.isTensor) throw new Error(`${input.name} is not a tensor.`);
      const values = rows.map((row) => (isByName(row) ? row[input.name] : row));
      const sizes = input.shape.slice(1).map(Number);
      return [input.name, tensor(input.type, values.flat(), [rows.length, ...sizes])];
    }),
  );
}

function isByName(row: Row): row is Readonly<Record<string, unknown>> {
  return typeof row === 'object' && row !== null && !Array.isArray(row);
}

function tensor(type: Tensor.Type, values: readonly unknown[], dims: readonly number[]): Tensor {
  switch (type) {
    case 'float32':
      return new Tensor(type, Float32Array.from(values as number[]), dims);
    case 'float64':
      return new Tensor(type, Float64Array.from(values as number[]), dims);
    case 'int32':
      return new Tensor(type, Int32Array.from(values as number[]), dims);
    case 'int64':
      return new Tensor(type, BigInt64Array.from((values as number[]).map(BigInt)), dims);
    case 'bool':
      return new Tensor(type, Uint8Array.from((values as boolean[]).map(Number)), dims);
    case 'string':
      return new Tensor(type, values as string[], dims);
    default:
      throw new Error(`No model of the stand-in has an input of type ${type}.`);
  }
}

function plain(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value > Number.MAX_SAFE_INTEGER + 1 ? value.toString() : Number(value);
}
