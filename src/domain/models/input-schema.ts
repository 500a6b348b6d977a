import { isElementType, type TensorSchema } from './tensors.js';

/**
 * Legacy's column `input_schema`: a list of `{name, type, shape}`. Undefined where it is none, names a type that no model may have,
 * or has a name twice.
 */
export function readInputSchema(column: unknown): readonly TensorSchema[] | undefined {
  if (!Array.isArray(column)) return undefined;
  const schema: TensorSchema[] = [];
  for (const entry of column as readonly unknown[]) {
    if (typeof entry !== 'object' || entry === null) return undefined;
    const { name, type, shape } = entry as Readonly<Record<string, unknown>>;
    if (typeof name !== 'string' || !isElementType(type) || !Array.isArray(shape) || !shape.every(isDimension))
      return undefined;
    if (schema.some((known) => known.name === name)) return undefined;
    schema.push({ name, type, shape });
  }
  return schema;
}

function isDimension(size: unknown): size is number | null {
  return size === null || (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0);
}

/**
 * In one sentence how declared inputs differ from those of the graph, whatever the order of either; undefined where they are the
 * same in names, types and dimensions.
 */
export function schemaDifference(
  declared: readonly TensorSchema[],
  graph: readonly TensorSchema[],
): string | undefined {
  for (const { name, type, shape } of declared) {
    const input = graph.find((candidate) => candidate.name === name);
    if (input === undefined) return `The graph has no input ${name}.`;
    if (input.type !== type) return `Input ${name} is ${input.type} in the graph, and declared as ${type}.`;
    if (input.shape.length !== shape.length || input.shape.some((size, at) => size !== shape[at]))
      return `Input ${name} has the shape ${shapeText(input.shape)} in the graph, and is declared with ${shapeText(shape)}.`;
  }
  const missing = graph.find(({ name }) => !declared.some((candidate) => candidate.name === name));
  return missing === undefined ? undefined : `The graph's input ${missing.name} is not declared.`;
}

function shapeText(shape: TensorSchema['shape']): string {
  return JSON.stringify(shape);
}
