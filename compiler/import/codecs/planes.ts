import { packCodes } from '../../formats/code-planes.ts';
import { formats } from '../../formats/index.ts';
import type { Planes } from '../../formats/rows.ts';
import { byteLength, viewOf } from '../../ir/dtype.ts';
import { type BlockCodec, groupsOf } from './codec.ts';

/** Whole blocks as the planes of the codec's storage format: the same codes and factors in other places, nothing is rounded. */
export function planesFromBlocks(codec: BlockCodec, data: Uint8Array): Planes {
  const { block, bytes } = codec;
  const { bits, zero, format, parameters } = codec.stored;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = data.byteLength / bytes;
  const codes = new Uint8Array(count * block);
  const groups = groupsOf(codec);
  const planes = new Map(
    Object.entries(formats.find((f) => f.name === format)?.planes ?? {}).map(([name, { dtype, per }]) => {
      const entries = (count * block) / per;
      return [name, viewOf(dtype, new ArrayBuffer(byteLength(dtype, entries)), 0, entries)] as const;
    }),
  );
  for (let b = 0; b < count; b++) {
    codec.unpack(view, b * bytes, groups);
    for (let i = 0; i < block; i++) codes[b * block + i] = (groups.codes[i] ?? 0) + zero;
    for (const [name, entries] of Object.entries(parameters(view, b * bytes))) {
      const plane = planes.get(name);
      if (plane && !(plane instanceof BigInt64Array) && !(plane instanceof BigUint64Array))
        plane.set(entries, b * entries.length);
    }
  }
  return { ...Object.fromEntries(planes), ...packCodes(codes, bits) };
}
