import type { ByteSource } from '../../compiler/import/byte-source.ts';
import { dequantize } from '../../compiler/import/codecs/codec.ts';
import { blockCodecs } from '../../compiler/import/codecs/index.ts';
import { openGguf } from '../../compiler/import/gguf/reader.ts';

const ALIGNMENT = 32;
const pad = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/**
 * The same GGUF file with every block-quantized tensor as the f32 values it means, piece by piece. llama.cpp rounds activations to 8 bits
 * where weights are quantized and computes in f32 where they are not, so this is how to ask it what a quantized file means.
 */
export function* denseGguf(source: ByteSource): Generator<Uint8Array> {
  const file = openGguf(source);
  const tensors = [...file.tensors.values()];
  const start = tensors[0]?.offset ?? source.bytes;
  // The header keeps its size: only types and offsets change.
  const header = Buffer.from(source.read(0, start));
  let at = 0;
  for (const t of tensors) {
    const name = Buffer.from(t.name);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(name.length));
    const rank = Buffer.alloc(4);
    rank.writeUInt32LE(t.shape.length);
    const entry = Buffer.concat([length, name, rank]);
    const type = header.indexOf(entry) + entry.length + 8 * t.shape.length;
    if (blockCodecs.has(t.type.name)) header.writeUInt32LE(0, type);
    header.writeBigUInt64LE(BigInt(at), type + 4);
    at += pad(blockCodecs.has(t.type.name) ? t.shape.reduce((n, d) => n * d, 4) : t.bytes);
  }
  yield header;
  for (const t of tensors) {
    const codec = blockCodecs.get(t.type.name);
    const data = source.read(t.offset, t.bytes);
    const values = codec ? new Uint8Array(dequantize(codec, data).buffer) : data;
    yield values;
    yield new Uint8Array(pad(values.length) - values.length);
  }
}
