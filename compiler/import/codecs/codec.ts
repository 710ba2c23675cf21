import { decodeFloat } from '../../../runtime/minifloat.ts';

/**
 * A block format of GGUF files: how a run of `block` weights lies in `bytes` bytes. Every one is integers in groups, so that
 * w = scale * code + offset with one scale (and offset) for each `group` weights. The products are exact in a double and rounded once to
 * f32, which is what ggml's scalar code gives too: its products fit 24 bits.
 */
export interface BlockCodec {
  /** As in ggml: Q4_K. */
  readonly name: string;
  readonly block: number;
  readonly bytes: number;
  readonly group: number;
  /** Reads the block that starts at byte `at` of `view`. */
  unpack(view: DataView, at: number, into: Groups): void;
  /** The storage format that keeps the same numbers. */
  readonly stored: Stored;
}

/** How a block becomes entries of a storage format's planes, number for number. */
export interface Stored {
  readonly format: string;
  /** Bits of a code, and what is added to make it unsigned. */
  readonly bits: number;
  readonly zero: number;
  /** Writes the entries of the other planes for the block at byte `at`, the `index`-th; f16 ones as bits. */
  parameters(view: DataView, at: number, index: number, put: Put): void;
}

/** Sets entry `i` of a plane. */
export type Put = (plane: string, i: number, value: number) => void;

/** The numbers of one block. */
export interface Groups {
  readonly codes: Int8Array;
  readonly scales: Float64Array;
  /** Zeros unless the codec writes them. */
  readonly offsets: Float64Array;
}

export const defineCodec = (codec: BlockCodec): BlockCodec => codec;

export const groupsOf = ({ block, group }: BlockCodec): Groups => ({
  codes: new Int8Array(block),
  scales: new Float64Array(block / group),
  offsets: new Float64Array(block / group),
});

/** The f16 at a byte of a block. */
export const halfAt = (view: DataView, at: number): number => decodeFloat('f16', view.getUint16(at, true));

/** The parameters of a block that begins with its f16 scale. */
export const scaleOnly = (view: DataView, at: number, index: number, put: Put): void =>
  put('scale', index, view.getUint16(at, true));

/** Weights of whole blocks as f32. */
export function dequantize(codec: BlockCodec, data: Uint8Array): Float32Array<ArrayBuffer> {
  const { block, bytes, group } = codec;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = data.byteLength / bytes;
  const out = new Float32Array(count * block);
  const groups = groupsOf(codec);
  const { codes, scales, offsets } = groups;
  for (let b = 0; b < count; b++) {
    codec.unpack(view, b * bytes, groups);
    for (let i = 0; i < block; i++) {
      const g = (i / group) | 0;
      out[b * block + i] = (scales[g] ?? 0) * (codes[i] ?? 0) + (offsets[g] ?? 0);
    }
  }
  return out;
}
