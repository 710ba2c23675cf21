import { codePlanes, packCodes } from '../../formats/code-planes.ts';
import { formats } from '../../formats/index.ts';
import type { Planes } from '../../formats/rows.ts';
import { byteLength, type TypedArray, viewOf } from '../../ir/dtype.ts';
import { type BlockCodec, groupsOf, type Put } from './codec.ts';

/** Whole blocks as the planes of the codec's storage format: the same codes and factors in other places, nothing is rounded. */
export function planesFromBlocks(codec: BlockCodec, data: Uint8Array): Planes {
  const { block, bytes } = codec;
  const { bits, zero, format, parameters } = codec.stored;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = data.byteLength / bytes;
  const codes = new Uint8Array(count * block);
  const groups = groupsOf(codec);
  const own = Object.keys(codePlanes(bits));
  const planes: Record<string, TypedArray> = {};
  for (const [name, { dtype, per }] of Object.entries(formats.find((f) => f.name === format)?.planes ?? {})) {
    const entries = (count * block) / per;
    if (!own.includes(name)) planes[name] = viewOf(dtype, new ArrayBuffer(byteLength(dtype, entries)), 0, entries);
  }
  const put: Put = (plane, i, value) => {
    const p = planes[plane];
    if (p && !(p instanceof BigInt64Array) && !(p instanceof BigUint64Array)) p[i] = value;
  };
  for (let b = 0; b < count; b++) {
    codec.unpack(view, b * bytes, groups);
    for (let i = 0; i < block; i++) codes[b * block + i] = (groups.codes[i] ?? 0) + zero;
    parameters(view, b * bytes, b, put);
  }
  return { ...planes, ...packCodes(codes, bits) };
}
