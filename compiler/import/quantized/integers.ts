import { InfcError } from '../../../runtime/errors.ts';
import { encodeFloat } from '../../../runtime/minifloat.ts';
import { packCodes } from '../../formats/code-planes.ts';
import { formats } from '../../formats/index.ts';
import { byteLength, type TypedArray, viewOf } from '../../ir/dtype.ts';
import { type Constant, type EncodedRows, tensor } from '../../ir/graph.ts';
import { floatsOf, isFloatsDtype } from '../../tensor-values.ts';

/** A weight of unsigned integers: w[o, i] = scale[g, o] * (code(o, i) - zero[g, o]) with g the group of input i. */
export interface IntegerWeight {
  readonly name: string;
  readonly outputs: number;
  readonly inputs: number;
  readonly bits: number;
  readonly groupSize: number;
  /** Group of each input; absent: they lie in order. */
  readonly groupOf?: Int32Array;
  /** Codes of the whole weight, row-major [outputs, inputs]; read from the file. */
  codes(): Uint8Array;
  /** [groups, outputs] */
  scales(): Float32Array;
  zeros(): Uint8Array;
}

/** The weight as a constant: f32 values, and planes of a storage format with the same codes where there is one for such groups. */
export function integerConstant(w: IntegerWeight): Constant {
  const { outputs, inputs, name } = w;
  const encoded = w.groupOf ? undefined : planesOf(w);
  return {
    name,
    type: tensor('f32', [outputs, inputs]),
    bytes: outputs * inputs * 4,
    read: () => {
      const [codes, scales, zeros] = [w.codes(), w.scales(), w.zeros()];
      const out = new Float32Array(outputs * inputs);
      for (let o = 0, at = 0; o < outputs; o++) {
        for (let i = 0; i < inputs; i++, at++) {
          const g = (w.groupOf ? (w.groupOf[i] ?? 0) : Math.floor(i / w.groupSize)) * outputs + o;
          out[at] = (scales[g] ?? 0) * ((codes[at] ?? 0) - (zeros[g] ?? 0));
        }
      }
      return new Uint8Array(out.buffer);
    },
    ...(encoded ? { encoded } : {}),
  };
}

/**
 * The same codes in a storage format: symmetric where every zero is the middle code, which is exact; else affine, whose offset
 * scale * zero is rounded to f16 (at most 2^-12 of it, a few thousandths of a step).
 */
function planesOf(w: IntegerWeight): EncodedRows | undefined {
  const { bits, groupSize, outputs, inputs } = w;
  const symmetric = w.zeros().every((z) => z === 2 ** (bits - 1));
  const format = formats.find((f) => f.name === `${symmetric ? 'q' : 'a'}${bits}g${groupSize}`);
  if (!format || inputs % groupSize !== 0) return undefined;
  return {
    format: format.name,
    planes: () => {
      const [scales, zeros] = [w.scales(), w.zeros()];
      const groups = inputs / groupSize;
      const [scale, offset] = [new Uint16Array(outputs * groups), new Uint16Array(outputs * groups)];
      for (let o = 0, at = 0; o < outputs; o++) {
        for (let g = 0; g < groups; g++, at++) {
          const s = scales[g * outputs + o] ?? 0;
          scale[at] = encodeFloat('f16', s);
          offset[at] = encodeFloat('f16', s * (zeros[g * outputs + o] ?? 0));
        }
      }
      return { ...packCodes(w.codes(), bits), scale, ...(symmetric ? {} : { offset }) };
    },
  };
}

/** Unsigned `bits`-bit fields of 32-bit words, the lowest first. */
export function fields(words: Uint32Array, bits: number): Uint8Array {
  const per = 32 / bits;
  const mask = 2 ** bits - 1;
  const out = new Uint8Array(words.length * per);
  for (let w = 0, at = 0; w < words.length; w++)
    for (let k = 0; k < per; k++, at++) out[at] = ((words[w] ?? 0) >>> (k * bits)) & mask;
  return out;
}

/** Words of a tensor of i32 or u32. Throws INFC1085. */
export const wordsOf = (c: Constant): Uint32Array => {
  const data = elementsOf(c, ['i32', 'u32']);
  return new Uint32Array(data.buffer, data.byteOffset, data.length);
};

/** Values of a tensor of floats. Throws INFC1085. */
export function floats(c: Constant): Float32Array {
  const { dtype } = c.type;
  if (!isFloatsDtype(dtype)) throw unfit(c, 'f32, f16 or bf16');
  const values = floatsOf(dtype, c.read(), sizeOf(c));
  const bad = values.find((v) => !Number.isFinite(v));
  if (bad !== undefined)
    throw new InfcError('INFC1085', `the scales '${c.name}' have ${bad}`, { fix: 'Repair the file or load it again' });
  return values;
}

function elementsOf(c: Constant, dtypes: readonly string[]): TypedArray {
  const { dtype } = c.type;
  if (!dtypes.includes(dtype)) throw unfit(c, dtypes.join(' or '));
  const bytes = c.read();
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  return viewOf(dtype, aligned.buffer, aligned.byteOffset, byteLength(dtype, sizeOf(c)) / 4);
}

const sizeOf = (c: Constant): number => c.type.shape.reduce<number>((n, d) => n * Number(d), 1);

/** A tensor whose type or shape does not fit the others of its weight. */
export const unfit = (c: Constant, expected: string): InfcError =>
  new InfcError('INFC1085', `weight '${c.name}' is ${c.type.dtype}[${c.type.shape.join(', ')}], expected ${expected}`, {
    fix: 'Check that quantization_config belongs to the weights',
  });
