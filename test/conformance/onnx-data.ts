import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeTensorProto } from '../../compiler/import/onnx-decode.ts';
import { importTensor } from '../../compiler/import/onnx-tensor.ts';
import type { TensorType } from '../../compiler/ir/graph.ts';
import { bitsOf, viewOf } from '../../runtime/dtype.ts';
import type { HostTensor, HostValue } from '../../runtime/host.ts';
import { decodeFloat } from '../../runtime/minifloat.ts';

/** One backend test: its model and the files of its data sets, by path below the test's folder. */
export interface BackendTest {
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The tests in a folder, or in a .tar or .tar.gz archive: every folder that holds a model.onnx. */
export function readTests(source: string): BackendTest[] {
  const files = statSync(source).isDirectory() ? readFolder(source) : readTar(source);
  const tests = new Map<string, Map<string, Uint8Array>>();
  for (const name of files.keys()) {
    if (path.posix.basename(name) === 'model.onnx') tests.set(path.posix.dirname(name), new Map());
  }
  for (const [name, bytes] of files) {
    for (let folder = path.posix.dirname(name); folder !== '.' && folder !== '/'; folder = path.posix.dirname(folder)) {
      tests.get(folder)?.set(name.slice(folder.length + 1), bytes);
      if (folder === path.posix.dirname(folder)) break;
    }
  }
  return [...tests].map(([folder, content]) => ({ name: path.posix.basename(folder), files: content }));
}

function readFolder(root: string): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    out.set(path.join('root', path.relative(root, file)).split(path.sep).join('/'), new Uint8Array(readFileSync(file)));
  }
  return out;
}

/** Regular files of a ustar archive. */
function readTar(file: string): Map<string, Uint8Array> {
  const raw = readFileSync(file);
  const tar = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  const out = new Map<string, Uint8Array>();
  const field = (at: number, length: number): string => tar.toString('latin1', at, at + length).replace(/\0.*$/s, '');
  let longName: string | undefined;
  for (let at = 0; at + 512 <= tar.length; ) {
    if (tar[at] === 0) break;
    const size = Number.parseInt(field(at + 124, 12).trim() || '0', 8);
    const type = field(at + 156, 1);
    const prefix = field(at + 345, 155);
    const name = longName ?? (prefix ? `${prefix}/${field(at, 100)}` : field(at, 100));
    const body = tar.subarray(at + 512, at + 512 + size);
    if (type === 'L') longName = body.toString('latin1').replace(/\0.*$/s, '');
    else {
      longName = undefined;
      if (type === '0' || type === '') out.set(name, new Uint8Array(body));
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return out;
}

/** Fields of a protobuf message by number; only length-delimited ones carry bytes. */
function fields(bytes: Uint8Array): { number: number; bytes: Uint8Array }[] {
  const out: { number: number; bytes: Uint8Array }[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    let length = 0;
    if (wire === 0) varint();
    else length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
    out.push({ number: Math.floor(tag / 8), bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return out;
}

function readTensor(bytes: Uint8Array): HostTensor {
  const constant = importTensor(decodeTensorProto(bytes), 'data');
  const shape = constant.type.shape.map(Number);
  const { dtype } = constant.type;
  if (constant.strings) return { dtype, shape, data: constant.strings };
  const raw = constant.read().slice();
  return {
    dtype,
    shape,
    data: viewOf(
      dtype,
      raw.buffer,
      0,
      shape.reduce((n, d) => n * d, 1),
    ),
  };
}

/** A SequenceProto (tensors in field 3) or an OptionalProto (tensor in field 3, sequence in field 5). */
export function readValue(bytes: Uint8Array, container: TensorType['container']): HostValue {
  if (container === undefined) return readTensor(bytes);
  if (container === 'sequence')
    return fields(bytes)
      .filter((f) => f.number === 3)
      .map((f) => readTensor(f.bytes));
  const held = fields(bytes).find((f) => f.number === 3 || f.number === 5);
  if (!held) return null;
  return readValue(held.bytes, held.number === 5 ? 'sequence' : undefined);
}

const isTensor = (v: HostValue | undefined): v is HostTensor => typeof v === 'object' && v !== null && 'dtype' in v;

/** Values as numbers: narrow floats decoded, sub-byte integers unpacked. */
export function numbersOf(t: HostTensor): (number | bigint)[] {
  if (!ArrayBuffer.isView(t.data)) return [];
  const bits = bitsOf[t.dtype];
  const data = t.data;
  const count = t.shape.reduce((n, d) => n * d, 1);
  if (bits < 8) {
    const all = Array.from({ length: count }, (_, i) => {
      const byte = Number(data[Math.floor((i * bits) / 8)] ?? 0);
      return (byte >> ((i * bits) % 8)) & ((1 << bits) - 1);
    });
    if (t.dtype === 'f4e2m1') return all.map((v) => decodeFloat('f4e2m1', v));
    return t.dtype.startsWith('i') ? all.map((v) => (v >= 1 << (bits - 1) ? v - (1 << bits) : v)) : all;
  }
  const plain: (number | bigint)[] = Array.from(data as ArrayLike<number | bigint>);
  const narrow = bits <= 16 && /^b?f\d/.test(t.dtype);
  return narrow ? plain.map((v) => decodeFloat(t.dtype, Number(v))) : plain;
}

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** What is wrong with a result, or undefined: ONNX's own rule, |actual - wanted| <= atol + rtol * |wanted|. */
export function difference(actual: HostValue | undefined, wanted: HostValue, tolerance: Tolerance): string | undefined {
  if (wanted === null || actual === null || actual === undefined)
    return wanted === actual
      ? undefined
      : actual === undefined
        ? 'missing'
        : `${actual === null ? 'nothing' : 'a value'} where ${wanted === null ? 'nothing' : 'a value'} is expected`;
  if (wanted instanceof Map || actual instanceof Map) return 'maps are in no test';
  if (!isTensor(wanted)) {
    if (isTensor(actual)) return 'a tensor where a sequence is expected';
    if (!Array.isArray(actual) || !Array.isArray(wanted)) return 'no sequence';
    if (actual.length !== wanted.length) return `${actual.length} elements where ${wanted.length} are expected`;
    for (let i = 0; i < wanted.length; i++) {
      const d = difference(actual[i], wanted[i] ?? null, tolerance);
      if (d) return `element ${i}: ${d}`;
    }
    return undefined;
  }
  if (!isTensor(actual)) return 'a sequence where a tensor is expected';
  if (actual.dtype !== wanted.dtype) return `dtype ${actual.dtype} where ${wanted.dtype} is expected`;
  if (actual.shape.join() !== wanted.shape.join())
    return `shape [${actual.shape.join(', ')}] where [${wanted.shape.join(', ')}] is expected`;
  if (!ArrayBuffer.isView(wanted.data)) {
    const got = ArrayBuffer.isView(actual.data) ? [] : actual.data;
    const at = wanted.data.findIndex((s, i) => s !== got[i]);
    return at < 0 ? undefined : `element ${at} is '${got[at]}' where '${wanted.data[at]}' is expected`;
  }
  const [a, w] = [numbersOf(actual), numbersOf(wanted)];
  let worst = -1;
  let bad = 0;
  for (let i = 0; i < w.length; i++) {
    if (a[i] === w[i]) continue;
    const [x, y] = [Number(a[i]), Number(w[i])];
    if (
      (Number.isNaN(x) && Number.isNaN(y)) ||
      Math.abs(x - y) <= tolerance.absolute + tolerance.relative * Math.abs(y)
    )
      continue;
    if (worst < 0) worst = i;
    bad++;
  }
  return worst < 0
    ? undefined
    : `${bad} of ${w.length} elements differ; element ${worst} is ${a[worst]}, expected ${w[worst]}`;
}
