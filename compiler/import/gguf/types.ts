import type { DType } from '../../ir/dtype.ts';

/** How a tensor lies in a GGUF file: `block` weights take `bytes` bytes; a row is a whole number of blocks. */
export interface GgufTensorType {
  readonly name: string;
  readonly block: number;
  readonly bytes: number;
  /** Set when a block is one element of a dtype that infc has. */
  readonly dtype?: DType;
}

const dense = (name: string, bytes: number, dtype: DType): GgufTensorType => ({ name, block: 1, bytes, dtype });
const blocks = (name: string, block: number, bytes: number): GgufTensorType => ({ name, block, bytes });

/**
 * `enum ggml_type` of ggml.h with the block sizes of ggml-common.h. Types that are read have a codec in compiler/import/codecs; the
 * others are listed so that files with them can be inspected. Numbers that are missing were withdrawn.
 */
export const ggufTensorTypes: ReadonlyMap<number, GgufTensorType> = new Map([
  [0, dense('F32', 4, 'f32')],
  [1, dense('F16', 2, 'f16')],
  [2, blocks('Q4_0', 32, 18)],
  [3, blocks('Q4_1', 32, 20)],
  [6, blocks('Q5_0', 32, 22)],
  [7, blocks('Q5_1', 32, 24)],
  [8, blocks('Q8_0', 32, 34)],
  [9, blocks('Q8_1', 32, 36)],
  [10, blocks('Q2_K', 256, 84)],
  [11, blocks('Q3_K', 256, 110)],
  [12, blocks('Q4_K', 256, 144)],
  [13, blocks('Q5_K', 256, 176)],
  [14, blocks('Q6_K', 256, 210)],
  [15, blocks('Q8_K', 256, 292)],
  [16, blocks('IQ2_XXS', 256, 66)],
  [17, blocks('IQ2_XS', 256, 74)],
  [18, blocks('IQ3_XXS', 256, 98)],
  [19, blocks('IQ1_S', 256, 50)],
  [20, blocks('IQ4_NL', 32, 18)],
  [21, blocks('IQ3_S', 256, 110)],
  [22, blocks('IQ2_S', 256, 82)],
  [23, blocks('IQ4_XS', 256, 136)],
  [24, dense('I8', 1, 'i8')],
  [25, dense('I16', 2, 'i16')],
  [26, dense('I32', 4, 'i32')],
  [27, dense('I64', 8, 'i64')],
  [28, dense('F64', 8, 'f64')],
  [29, blocks('IQ1_M', 256, 56)],
  [30, dense('BF16', 2, 'bf16')],
  [34, blocks('TQ1_0', 256, 54)],
  [35, blocks('TQ2_0', 256, 66)],
  [39, blocks('MXFP4', 32, 17)],
]);
