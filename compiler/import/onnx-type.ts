import { InfcError } from '../../runtime/errors.ts';
import type { Container } from '../../runtime/plan.ts';
import type { Dim } from '../ir/dim.ts';
import type { DType } from '../ir/dtype.ts';
import { type TensorType, tensor } from '../ir/graph.ts';
import { type TypeProto, toNumber } from './onnx-decode.ts';

/** TensorProto.DataType by number. */
const DTYPES: readonly (DType | undefined)[] = [
  undefined,
  'f32',
  'u8',
  'i8',
  'u16',
  'i16',
  'i32',
  'i64',
  'string',
  'bool',
  'f16',
  'f64',
  'u32',
  'u64',
  'c64',
  'c128',
  'bf16',
  'f8e4m3fn',
  'f8e4m3fnuz',
  'f8e5m2',
  'f8e5m2fnuz',
  'u4',
  'i4',
  'f4e2m1',
  'f8e8m0',
  'u2',
  'i2',
];

/** The dtype of an ONNX element type number (`to` of Cast, `dtype` of EyeLike...); undefined when there is none. */
export const dtypeOfOnnx = (elementType: number): DType | undefined => DTYPES[elementType];

/** The ONNX element type number of a dtype. */
export const onnxOfDtype = (dtype: DType): number => DTYPES.indexOf(dtype);

/** Dims of a declared shape; a named or unknown one is asked of `symbol` (undefined name: unnamed). */
export type SymbolSource = (name: string | undefined, axis: number) => Dim;

/** An ONNX type as a tensor type; undefined where the file gives none. Throws INFC1xxx for types infc has no value for. */
export function importType(
  type: TypeProto | null | undefined,
  where: string,
  symbol: SymbolSource,
): TensorType | undefined {
  if (!type) return undefined;
  if (type.optionalType) {
    const inner = importType(type.optionalType.elemType, where, symbol);
    if (!inner) return undefined;
    if (inner.container === 'sequence') return { ...inner, container: 'optional-sequence' };
    if (inner.container) throw unsupported(where, 'an optional of an optional');
    return { ...inner, container: 'optional' };
  }
  if (type.sequenceType) {
    const inner = importType(type.sequenceType.elemType, where, symbol);
    if (!inner) return undefined;
    if (inner.container?.endsWith('-map')) return { ...inner, container: `${inner.container}s` as Container };
    if (inner.container) throw unsupported(where, 'a sequence of sequences');
    return { ...inner, container: 'sequence' };
  }
  if (type.mapType) {
    const value = importType(type.mapType.valueType, where, symbol);
    const key = dtypeOfOnnx(type.mapType.keyType ?? 0);
    if (!value || value.container || (key !== 'string' && key !== 'i64'))
      throw unsupported(where, `a map of ${key ?? 'no type'} to ${value?.container ?? value?.dtype ?? 'no type'}`);
    return { ...value, container: `${key}-map` };
  }
  if (type.sparseTensorType) throw unsupported(where, 'a sparse tensor');
  const t = type.tensorType;
  if (!t) return undefined;
  const dtype = elementType(t.elemType ?? 0, where);
  if (!t.shape) return { dtype, shape: [], format: 'dense', unranked: true };
  return tensor(
    dtype,
    (t.shape.dim ?? []).map((d, axis) => {
      if (d.dimParam) return symbol(d.dimParam, axis);
      const hasValue = Object.hasOwn(d, 'dimValue') && d.dimValue !== null;
      const n = toNumber(d.dimValue);
      if (!hasValue || n < 0) return symbol(undefined, axis);
      if (n > 2147483647)
        throw new InfcError('INFC1012', `dimension ${axis} is ${n}, more than a 32-bit index can reach`, {
          node: where,
          fix: 'Split the tensor',
        });
      return n;
    }),
  );
}

/** The dtype of an element type number; throws INFC1010 naming `where` when there is none. */
export function elementType(number: number, where: string): DType {
  const dtype = dtypeOfOnnx(number);
  if (!dtype)
    throw new InfcError('INFC1010', `element type ${number} is not one of the ONNX standard's`, {
      node: where,
      fix: number === 0 ? 'Declare the type of the tensor' : 'Export the model for ONNX 1.22 or older',
    });
  return dtype;
}

const unsupported = (where: string, what: string): InfcError =>
  new InfcError('INFC1011', `${what} is not a type infc has values for`, {
    node: where,
    fix: 'Export the model with tensors, sequences of tensors or optionals of these',
  });
