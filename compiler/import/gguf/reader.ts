import type { ByteSource } from '../byte-source.ts';
import { GgufCursor } from './cursor.ts';
import { type GgufValue, readMetadata } from './metadata.ts';
import { type GgufTensorType, ggufTensorTypes } from './types.ts';

/** One tensor of a file. */
export interface GgufTensor {
  readonly name: string;
  readonly type: GgufTensorType;
  /** Row-major, the reverse of the order in the file. */
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A parsed header: everything but the tensors' bytes. */
export interface GgufFile {
  readonly source: ByteSource;
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 0x46554747;
const MAX_RANK = 4;
/** Bytes that one entry takes at least: key length, type, value; name length, rank, type, offset. */
const LEAST_VALUE = 8 + 4 + 1;
const LEAST_TENSOR = 8 + 4 + 4 + 8;

/**
 * Reads and checks the header of a GGUF file, version 2 or 3, little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 * As in the reference implementation, tensors follow one another in the order of their entries, each padded to the alignment. Throws
 * INFC1130 (no GGUF, or truncated), INFC1131 (metadata) and INFC1132 (tensors) with the byte, the reason and a fix.
 */
export function openGguf(source: ByteSource): GgufFile {
  const cursor = new GgufCursor(source);
  if (source.bytes < 24 || cursor.u32('the magic') !== MAGIC)
    throw cursor.bad('INFC1130', `this is no GGUF file of ${source.bytes} bytes`, 0);
  const version = cursor.u32('the version');
  if (version === 2 << 24 || version === 3 << 24)
    throw cursor.bad('INFC1130', 'the file is big-endian, which infc does not read', 4);
  if (version !== 2 && version !== 3)
    throw cursor.bad('INFC1130', `version ${version} of GGUF; infc reads versions 2 and 3`, 4);
  const tensorCount = cursor.count('the number of tensors', LEAST_TENSOR);
  const valueCount = cursor.count('the number of metadata keys', LEAST_VALUE);
  const metadata = readMetadata(cursor, valueCount);
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 8 || alignment > 2 ** 20 || !Number.isInteger(Math.log2(alignment)))
    throw cursor.bad('INFC1131', `'general.alignment' is ${String(alignment)}, no power of two from 8`);
  const entries = Array.from({ length: tensorCount }, (_, i) => entryAt(cursor, i));
  const start = Math.ceil(cursor.at / alignment) * alignment;
  return { source, version, metadata, tensors: placed(cursor, entries, start, alignment) };
}

interface Entry {
  readonly name: string;
  readonly type: GgufTensorType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly offset: bigint;
  /** Where the entry itself stands. */
  readonly at: number;
}

function entryAt(cursor: GgufCursor, index: number): Entry {
  const at = cursor.at;
  const name = cursor.string(`the name of tensor ${index}`);
  const what = `tensor '${name}'`;
  const rank = cursor.u32(`the rank of ${what}`);
  if (rank > MAX_RANK) throw cursor.bad('INFC1132', `${what} has rank ${rank}`, at);
  const dims = Array.from({ length: rank }, () => cursor.u64(`the shape of ${what}`));
  const elements = dims.reduce((n, d) => n * d, 1n);
  const tooLarge = dims.some((d) => d > 2147483647n) || elements > BigInt(Number.MAX_SAFE_INTEGER);
  if (tooLarge) throw cursor.bad('INFC1132', `${what} has shape [${[...dims].reverse().join(', ')}]`, at);
  const id = cursor.u32(`the type of ${what}`);
  const type = ggufTensorTypes.get(id);
  if (!type) throw cursor.bad('INFC1132', `${what} has unknown type ${id}`, at);
  const [row = 1n] = dims;
  if (row % BigInt(type.block) !== 0n)
    throw cursor.bad('INFC1132', `${what} has rows of ${row}, no multiple of the ${type.block} of ${type.name}`, at);
  const offset = cursor.u64(`the offset of ${what}`);
  return { name, type, shape: dims.map(Number).reverse(), elements: Number(elements), offset, at };
}

function placed(
  cursor: GgufCursor,
  entries: readonly Entry[],
  start: number,
  alignment: number,
): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  let expected = 0;
  for (const { name, type, shape, elements, offset, at } of entries) {
    if (tensors.has(name)) throw cursor.bad('INFC1132', `tensor '${name}' appears twice`, at);
    if (offset !== BigInt(expected))
      throw cursor.bad('INFC1132', `tensor '${name}' lies at ${offset} of the data, where ${expected} comes next`, at);
    const bytes = (elements / type.block) * type.bytes;
    const end = start + expected + bytes;
    if (end > cursor.source.bytes)
      throw cursor.bad(
        'INFC1130',
        `tensor '${name}' ends at byte ${end} of a file of ${cursor.source.bytes}: the file is truncated`,
        at,
      );
    tensors.set(name, { name, type, shape, offset: start + expected, bytes });
    expected += Math.ceil(bytes / alignment) * alignment;
  }
  return tensors;
}
