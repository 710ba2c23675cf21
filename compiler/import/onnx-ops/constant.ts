import type { Constant, Value } from '../../ir/graph.ts';
import { tensor } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

const dense = (name: string, dtype: 'i64' | 'f32', shape: readonly number[], view: ArrayBufferView): Constant => {
  const bytes = bytesOf(view);
  return { name, type: tensor(dtype, shape), bytes: bytes.byteLength, read: () => bytes };
};

const stringsConstant = (name: string, shape: readonly number[], strings: readonly string[]): Constant => ({
  name,
  type: tensor('string', shape),
  bytes: 0,
  read: () => new Uint8Array(0),
  strings,
});

/** The tensor a Constant node stands for, whichever of its attributes gives it. */
function constantOf(node: OnnxNode): Constant {
  const { name } = node;
  if (node.has('value')) return node.tensor('value') ?? node.fail('its value is not a tensor');
  if (node.has('sparse_value')) return node.tensor('sparse_value') ?? node.fail('its sparse_value is not a tensor');
  if (node.has('value_int')) return dense(name, 'i64', [], BigInt64Array.of(node.bigint('value_int')));
  if (node.has('value_ints')) {
    const values = node.bigints('value_ints');
    return dense(name, 'i64', [values.length], BigInt64Array.from(values));
  }
  if (node.has('value_float')) return dense(name, 'f32', [], Float32Array.of(node.float('value_float')));
  if (node.has('value_floats')) {
    const values = node.floats('value_floats');
    return dense(name, 'f32', [values.length], Float32Array.from(values));
  }
  if (node.has('value_string')) return stringsConstant(name, [], [node.string('value_string')]);
  if (node.has('value_strings')) {
    const values = node.strings('value_strings');
    return stringsConstant(name, [values.length], values);
  }
  return node.fail('it has no value', 'Export the model again');
}

const build = (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
  const constant = constantOf(node);
  const name = node.outputs[0];
  return [b.graph.constant(name ? { ...constant, name } : constant)];
};

/** Constant in all its attribute forms. */
export const constantOnnxOps: readonly OnnxOp[] = [onnxOp('Constant', build)];
