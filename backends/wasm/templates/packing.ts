import type { DType } from '../../../compiler/ir/dtype.ts';
import { byteLength, viewOf } from '../../../compiler/ir/dtype.ts';
import { type Constant, tensor } from '../../../compiler/ir/graph.ts';
import { numbersOf } from '../../../compiler/tensor-values.ts';

/** Elements of a dense constant as numbers, read when asked. */
export function constantNumbers(constant: Constant, elements: number): Float64Array {
  const { dtype } = constant.type;
  const bytes = constant.read();
  const aligned = bytes.slice(); // viewOf needs the element's alignment
  if (aligned.byteLength < byteLength(dtype, elements))
    throw new RangeError(`constant '${constant.name}' is too short`);
  return numbersOf({ dtype, data: viewOf(dtype, aligned.buffer, 0, elements) });
}

/** A constant of `length` f32 values computed from another one when first read. */
export function packedConstant(name: string, length: number, fill: () => Float32Array): Constant {
  const dtype: DType = 'f32';
  return {
    name,
    type: tensor(dtype, [length]),
    bytes: length * 4,
    read: () => new Uint8Array(fill().buffer),
  };
}

/** A constant of `length` i32 values computed when first read. */
export function packedIndices(name: string, length: number, fill: () => Int32Array): Constant {
  return { name, type: tensor('i32', [length]), bytes: length * 4, read: () => new Uint8Array(fill().buffer) };
}
