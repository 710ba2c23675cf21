import { InfcError } from '../../../runtime/errors.ts';
import { decodeFloat } from '../../../runtime/minifloat.ts';
import type { Planes } from '../../formats/rows.ts';
import { type Constant, tensor } from '../../ir/graph.ts';
import { dequantize } from '../codecs/codec.ts';
import { blockCodecs } from '../codecs/index.ts';
import { planesFromBlocks } from '../codecs/planes.ts';
import type { WeightFile } from '../weight-file.ts';
import type { GgufFile, GgufTensor } from './reader.ts';

/** Where row `row` of a weight in Hugging Face's order lies in the file; converters of llama.cpp reorder the rows of some weights. */
export type RowOrder = (row: number) => number;

/** A tensor of the file for a weight in Hugging Face's layout. */
export interface GgufWeight {
  readonly tensor: string;
  readonly rows?: RowOrder;
  /** Extra leading index: this slice of a tensor that stacks several weights (experts). */
  readonly slice?: number;
}

/** The weights of a file under Hugging Face's names. */
export function ggufWeights(file: GgufFile, names: ReadonlyMap<string, GgufWeight>): WeightFile {
  const found = new Map<string, { readonly shape: readonly number[]; readonly weight: GgufWeight }>();
  for (const [name, weight] of names) {
    const t = file.tensors.get(weight.tensor);
    if (t) found.set(name, { weight, shape: weight.slice === undefined ? t.shape : t.shape.slice(1) });
  }
  return {
    name: file.source.name,
    tensors: found,
    tied: () => undefined,
    constant: (name) => {
      const entry = found.get(name);
      const t = entry && file.tensors.get(entry.weight.tensor);
      if (!t) throw new TypeError(`'${name}' is not one of the tensors`);
      return constantOf(file, t, name, entry.weight);
    },
  };
}

/** One tensor (or slice) as a constant: dense ones as they are, blocks as the f32 values they mean. Throws INFC1133. */
export function constantOf(file: GgufFile, t: GgufTensor, name: string, weight: GgufWeight): Constant {
  const { dtype, name: typeName } = t.type;
  const codec = blockCodecs.get(typeName);
  if (!dtype && !codec)
    throw new InfcError('INFC1133', `tensor '${t.name}' is ${typeName}, which infc does not read`, {
      file: file.source.name,
      offset: t.offset,
      fix: `Quantize the model to one of ${[...blockCodecs.keys()].join(', ')}, F16, BF16 or F32`,
    });
  const sliced = weight.slice !== undefined;
  const shape = sliced ? t.shape.slice(1) : t.shape;
  const stored = sliced ? t.bytes / (t.shape[0] ?? 1) : t.bytes;
  const offset = t.offset + stored * (weight.slice ?? 0);
  const elements = shape.reduce((n, d) => n * d, 1);
  const bytes = (): Uint8Array => {
    const data = file.source.read(offset, stored);
    return weight.rows ? reordered(data, shape[0] ?? 1, weight.rows) : data;
  };
  if (codec)
    return {
      name,
      type: tensor('f32', shape),
      bytes: elements * 4,
      read: () => new Uint8Array(dequantize(codec, bytes()).buffer),
      encoded: {
        format: codec.stored.format,
        planes: () => {
          const planes = planesFromBlocks(codec, bytes());
          checkHalves(planes, name, shape[0] ?? 1);
          return planes;
        },
      },
    };
  const read = (): Uint8Array => {
    const data = bytes();
    return data.byteOffset % 8 === 0 ? data : data.slice();
  };
  return { name, type: tensor(dtype ?? 'f32', shape), bytes: stored, read };
}

/** Throws INFC2092 when a block has a scale that is infinite or NaN; zeros are blocks of zeros. */
function checkHalves(planes: Planes, name: string, rows: number): void {
  for (const plane of Object.values(planes)) {
    if (!(plane instanceof Uint16Array)) continue;
    const at = plane.findIndex((bits) => (bits & 0x7c00) === 0x7c00);
    if (at < 0) continue;
    const row = Math.floor((at * rows) / plane.length);
    throw new InfcError(
      'INFC2092',
      `weight '${name}' has the scale ${decodeFloat('f16', plane[at] ?? 0)} in row ${row}`,
      {
        node: name,
        fix: 'The model file is damaged: load it again',
      },
    );
  }
}

/** Rows are runs of whole blocks, so any format can be reordered as it is. */
function reordered(data: Uint8Array, rows: number, order: RowOrder): Uint8Array {
  const out = new Uint8Array(data.byteLength);
  const bytes = data.byteLength / rows;
  for (let r = 0; r < rows; r++) {
    const from = order(r);
    out.set(data.subarray(from * bytes, (from + 1) * bytes), r * bytes);
  }
  return out;
}
