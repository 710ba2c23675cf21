import { encodeFloat } from '../../runtime/minifloat.ts';
import type { DType } from '../ir/dtype.ts';
import { defineFormat, type StorageFormat } from './format.ts';

/** A float kept as it is, one plane, no groups: the identity of formats, against which the others are measured. */
function dense(dtype: DType & ('f32' | 'f16' | 'bf16'), errorBound: number): StorageFormat {
  return defineFormat({
    name: `dense-${dtype}`,
    logical: 'f32',
    group: 4,
    multiple: 4,
    planes: { values: { dtype, per: 1 } },
    encode: (row) => ({ values: dtype === 'f32' ? row : Array.from(row, (v) => encodeFloat(dtype, v)) }),
    decode: ({ values = [] }) => ({ codes: values }),
    errorBound,
  });
}

export const denseF32 = dense('f32', 0);
export const denseF16 = dense('f16', 2 ** -11);
export const denseBf16 = dense('bf16', 2 ** -8);
