import { InfcError } from '../../runtime/errors.ts';
import type { DType } from '../ir/dtype.ts';
import { type Constant, tensor } from '../ir/graph.ts';
import type { ByteSource } from './byte-source.ts';
import { JsonError, StrictJson } from './strict-json.ts';
import type { WeightFile } from './weight-file.ts';

/** One tensor of a file; `begin` and `end` count from the start of the file. */
export interface SafetensorsEntry {
  readonly name: string;
  /** As written: F32, BF16, F6_E2M3... */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A parsed header. */
export interface SafetensorsFile extends WeightFile {
  readonly source: ByteSource;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bits of an element and the dtype infc holds it as, if there is one. */
const DTYPES: ReadonlyMap<string, { readonly bits: bigint; readonly dtype?: DType }> = new Map([
  ['BOOL', { bits: 8n, dtype: 'bool' }],
  ['F4', { bits: 4n, dtype: 'f4e2m1' }],
  ['F6_E2M3', { bits: 6n }],
  ['F6_E3M2', { bits: 6n }],
  ['U8', { bits: 8n, dtype: 'u8' }],
  ['I8', { bits: 8n, dtype: 'i8' }],
  ['F8_E5M2', { bits: 8n, dtype: 'f8e5m2' }],
  ['F8_E4M3', { bits: 8n, dtype: 'f8e4m3fn' }],
  ['F8_E8M0', { bits: 8n, dtype: 'f8e8m0' }],
  ['F8_E4M3FNUZ', { bits: 8n, dtype: 'f8e4m3fnuz' }],
  ['F8_E5M2FNUZ', { bits: 8n, dtype: 'f8e5m2fnuz' }],
  ['I16', { bits: 16n, dtype: 'i16' }],
  ['U16', { bits: 16n, dtype: 'u16' }],
  ['F16', { bits: 16n, dtype: 'f16' }],
  ['BF16', { bits: 16n, dtype: 'bf16' }],
  ['I32', { bits: 32n, dtype: 'i32' }],
  ['U32', { bits: 32n, dtype: 'u32' }],
  ['F32', { bits: 32n, dtype: 'f32' }],
  ['C64', { bits: 64n, dtype: 'c64' }],
  ['F64', { bits: 64n, dtype: 'f64' }],
  ['I64', { bits: 64n, dtype: 'i64' }],
  ['U64', { bits: 64n, dtype: 'u64' }],
]);

/** The reference implementation's limit on the header, bytes. */
const MAX_HEADER = 100_000_000;
const U64 = 1n << 64n;

interface RawEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly bigint[];
  readonly begin: bigint;
  readonly end: bigint;
}

/**
 * Reads and checks the header as the reference implementation does: strict JSON, known dtypes, ranges that fit shape and dtype and
 * cover the data without holes or overlap. Throws INFC1070 to INFC1073 with the place, the reason and a fix.
 */
export function openSafetensors(source: ByteSource): SafetensorsFile {
  if (source.bytes < 8) throw bad(source, 'INFC1070', `a file of ${source.bytes} bytes has no header`, 0);
  const length = new DataView(source.read(0, 8).slice().buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) throw bad(source, 'INFC1070', `a header of ${length} bytes`, 0);
  const headerBytes = Number(length);
  if (8 + headerBytes > source.bytes)
    throw bad(source, 'INFC1070', `a header of ${length} bytes in a file of ${source.bytes}`, 0);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source.read(8, headerBytes));
  } catch {
    throw bad(source, 'INFC1071', 'the header is not UTF-8', 8);
  }
  const { entries, metadata } = parseHeader(source, text);
  const tensors = checkedEntries(source, entries, 8 + headerBytes);
  return {
    name: source.name,
    source,
    metadata,
    tensors,
    tied: (name) => metadata.get(name),
    constant: (name) => {
      const entry = tensors.get(name);
      if (!entry) throw new TypeError(`'${name}' is not one of the tensors`);
      return safetensorsConstant(source, entry);
    },
  };
}

function parseHeader(source: ByteSource, text: string): { entries: RawEntry[]; metadata: Map<string, string> } {
  const json = new StrictJson(text);
  const tensors = new Map<string, RawEntry>();
  let metadata: Map<string, string> | undefined;
  try {
    json.object((name) => {
      if (name !== '__metadata__') {
        // A name given twice: the last one counts, as in the reference.
        tensors.set(name, parseEntry(json, name));
        return;
      }
      if (metadata) json.fail('__metadata__ appears twice');
      const found = new Map<string, string>();
      metadata = found;
      if (json.isNull()) return;
      json.object((key) => {
        found.set(key, json.string());
      });
    });
    json.end();
  } catch (e) {
    if (!(e instanceof JsonError)) throw e;
    const offset = 8 + new TextEncoder().encode(text.slice(0, e.at)).byteLength;
    throw bad(source, 'INFC1071', `the header is malformed: ${e.message}`, offset);
  }
  return { entries: [...tensors.values()], metadata: metadata ?? new Map() };
}

function parseEntry(json: StrictJson, name: string): RawEntry {
  const seen = new Set<string>();
  let dtype = '';
  const shape: bigint[] = [];
  const offsets: bigint[] = [];
  const naturals = (into: bigint[]): void =>
    json.array(() => {
      const n = json.natural();
      if (n >= U64) json.fail(`${n} does not fit 64 bits`);
      into.push(n);
    });
  json.object((key) => {
    const known = key === 'dtype' || key === 'shape' || key === 'data_offsets';
    if (!known) {
      json.skip();
      return;
    }
    if (seen.has(key)) json.fail(`tensor '${name}' has ${key} twice`);
    seen.add(key);
    if (key === 'dtype') {
      dtype = json.string();
      if (!DTYPES.has(dtype)) json.fail(`tensor '${name}' has unknown dtype '${dtype}'`);
    } else naturals(key === 'shape' ? shape : offsets);
  });
  for (const key of ['dtype', 'shape', 'data_offsets']) if (!seen.has(key)) json.fail(`tensor '${name}' has no ${key}`);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2)
    return json.fail(`tensor '${name}' has ${offsets.length} offsets`);
  return { name, dtype, shape, begin, end };
}

function checkedEntries(source: ByteSource, entries: RawEntry[], start: number): Map<string, SafetensorsEntry> {
  const order = [...entries].sort((a, b) => compare(a.begin, b.begin) || compare(a.end, b.end));
  let covered = 0n;
  for (const t of order) {
    if (t.begin !== covered || t.end < t.begin)
      throw bad(
        source,
        'INFC1072',
        `tensor '${t.name}' lies at ${t.begin} to ${t.end}, where ${covered} comes next`,
        start,
      );
    covered = t.end;
    let bits = 1n;
    for (const d of t.shape) {
      bits *= d;
      if (bits >= U64) throw bad(source, 'INFC1072', `tensor '${t.name}' has more elements than 64 bits count`, start);
    }
    bits *= DTYPES.get(t.dtype)?.bits ?? 0n;
    if (bits >= U64) throw bad(source, 'INFC1072', `tensor '${t.name}' is larger than 64 bits count`, start);
    if (bits % 8n !== 0n) throw bad(source, 'INFC1072', `tensor '${t.name}' is not a whole number of bytes`, start);
    if (bits / 8n !== t.end - t.begin)
      throw bad(
        source,
        'INFC1072',
        `tensor '${t.name}' takes ${bits / 8n} bytes as ${t.dtype}[${t.shape.join(', ')}], its range has ${t.end - t.begin}`,
        start,
      );
  }
  if (covered !== BigInt(source.bytes - start))
    throw bad(source, 'INFC1072', `the tensors cover ${covered} of ${source.bytes - start} data bytes`, start);
  return new Map(
    entries.map((t) => [
      t.name,
      {
        name: t.name,
        dtype: t.dtype,
        shape: t.shape.map(Number),
        begin: start + Number(t.begin),
        end: start + Number(t.end),
      },
    ]),
  );
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** One tensor as a constant, read from the file when its bytes are wanted. Throws INFC1073 when infc has no such dtype. */
function safetensorsConstant(source: ByteSource, entry: SafetensorsEntry): Constant {
  const dtype = DTYPES.get(entry.dtype)?.dtype;
  if (!dtype)
    throw bad(source, 'INFC1073', `tensor '${entry.name}' is ${entry.dtype}, which infc cannot hold`, entry.begin);
  const bytes = entry.end - entry.begin;
  return {
    name: entry.name,
    type: tensor(dtype, entry.shape),
    bytes,
    read: () => {
      const data = source.read(entry.begin, bytes);
      return data.byteOffset % 8 === 0 ? data : data.slice();
    },
  };
}

const bad = (source: ByteSource, code: string, reason: string, offset: number): InfcError =>
  new InfcError(code, reason, {
    file: source.name,
    offset,
    fix: 'Check that the file is a complete .safetensors file (compare its size and checksum with the source)',
  });
