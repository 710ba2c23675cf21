import { InfcError } from '../../runtime/errors.ts';
import { bitsOf, byteLength, type DType } from '../ir/dtype.ts';
import { type Constant, tensor } from '../ir/graph.ts';
import {
  type SparseTensorProto,
  type StringStringEntryProto,
  type TensorProto,
  text,
  toBigInt,
  toNumber,
} from './onnx-decode.ts';
import { elementType } from './onnx-type.ts';

/** Files beside the model that hold tensor data. Paths are checked before: relative, inside the model's folder. */
export interface ExternalFiles {
  /** Bytes of the file, or undefined when there is none (or it lies outside the folder). */
  size(file: string): number | undefined;
  read(file: string, offset: number, bytes: number): Uint8Array;
}

/** Largest tensor that a sparse initializer may unfold to, bytes. */
const MAX_DENSE = 2 ** 30;

/** A constant from a TensorProto in any of its storage forms. Throws INFC102x naming the tensor. */
export function importTensor(proto: TensorProto, fallbackName: string, files?: ExternalFiles): Constant {
  const name = proto.name || fallbackName;
  const dtype = elementType(proto.dataType ?? 0, name);
  const shape = importDims(proto.dims ?? [], name);
  const elements = shape.reduce((n, d) => n * d, 1);
  const type = tensor(dtype, shape);
  if (proto.segment) throw bad(name, 'it is stored in segments', 'Export the model again with a current exporter');
  if (dtype === 'string') {
    const strings = (proto.stringData ?? []).map(text);
    if (strings.length !== elements) throw counted(name, `${strings.length} strings`, shape, elements);
    return { name, type, bytes: 0, read: () => new Uint8Array(0), strings };
  }
  const bytes = byteLength(dtype, elements);
  if (proto.dataLocation === 1) return externalTensor(proto.externalData ?? [], { name, type, bytes }, files);
  const data =
    proto.rawData && (proto.rawData.byteLength > 0 || bytes === 0)
      ? checkedLength(proto.rawData, bytes, name, shape)
      : typedData(proto, dtype, elements, bytes, name, shape);
  return { name, type, bytes, read: () => aligned(data) };
}

function importDims(dims: readonly unknown[], name: string): number[] {
  const shape = dims.map(toNumber);
  for (const d of shape)
    if (d < 0 || d > 2147483647) throw bad(name, `its shape [${shape.join(', ')}] has dimension ${d}`);
  if (shape.reduce((n, d) => n * d, 1) > Number.MAX_SAFE_INTEGER && !shape.includes(0))
    throw bad(name, `its shape [${shape.join(', ')}] has more than 2^53 elements`);
  return shape;
}

function checkedLength(data: Uint8Array, bytes: number, name: string, shape: readonly number[]): Uint8Array {
  if (data.byteLength !== bytes)
    throw bad(name, `${data.byteLength} bytes of data do not fill shape [${shape.join(', ')}], which takes ${bytes}`);
  return data;
}

/** Data may start anywhere in the file; typed views need alignment. */
const aligned = (data: Uint8Array): Uint8Array => (data.byteOffset % 8 === 0 ? data : data.slice());

function typedData(
  proto: TensorProto,
  dtype: DType,
  elements: number,
  bytes: number,
  name: string,
  shape: readonly number[],
): Uint8Array {
  const entries = (
    list: ArrayLike<unknown> | null | undefined,
    field: string,
    expected: number,
  ): ArrayLike<unknown> => {
    const values = list ?? [];
    if (values.length !== expected) throw counted(name, `${values.length} values in ${field}`, shape, expected);
    return values;
  };
  switch (dtype) {
    case 'f32':
    case 'c64':
      return bytesOf(Float32Array.from(entries(proto.floatData, 'float_data', bytes / 4), Number));
    case 'f64':
    case 'c128':
      return bytesOf(Float64Array.from(entries(proto.doubleData, 'double_data', bytes / 8), Number));
    case 'i64':
      return bytesOf(BigInt64Array.from(entries(proto.int64Data, 'int64_data', elements), toBigInt));
    case 'u64':
      return bytesOf(
        BigUint64Array.from(entries(proto.uint64Data, 'uint64_data', elements), (v) => BigInt.asUintN(64, toBigInt(v))),
      );
    case 'u32':
      return bytesOf(Uint32Array.from(entries(proto.uint64Data, 'uint64_data', elements), toNumber));
    case 'i32':
      return bytesOf(Int32Array.from(entries(proto.int32Data, 'int32_data', elements), toNumber));
    default: {
      // Everything narrower lies in int32_data: 16-bit values as such, bytes and packed 4- and 2-bit pairs one byte an entry.
      const wide = bitsOf[dtype] === 16;
      const list = entries(proto.int32Data, 'int32_data', wide ? elements : bytes);
      return bytesOf(wide ? Uint16Array.from(list, toNumber) : Uint8Array.from(list, toNumber));
    }
  }
}

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function externalTensor(
  entries: readonly StringStringEntryProto[],
  constant: Pick<Constant, 'name' | 'type' | 'bytes'>,
  files: ExternalFiles | undefined,
): Constant {
  const { name, bytes } = constant;
  const fields = new Map(entries.map((e) => [e.key ?? '', e.value ?? '']));
  const file = checkedPath(fields.get('location') ?? '', name);
  const offset = fieldNumber(fields, 'offset', name) ?? 0;
  const length = fieldNumber(fields, 'length', name) ?? bytes;
  if (length !== bytes) throw bad(name, `external data of ${length} bytes for a tensor that takes ${bytes}`);
  const size = files?.size(file);
  if (files === undefined || size === undefined)
    throw new InfcError('INFC1024', `tensor '${name}' is stored in '${file}', which is not there`, {
      file,
      fix: 'Put the data file beside the model, under this name',
    });
  if (offset + length > size)
    throw new InfcError(
      'INFC1024',
      `tensor '${name}' needs bytes ${offset} to ${offset + length} of a file of ${size}`,
      {
        file,
        offset,
        fix: 'Check that the data file is complete and belongs to this model',
      },
    );
  return { ...constant, read: () => aligned(checkedLength(files.read(file, offset, length), bytes, name, [])) };
}

function fieldNumber(fields: ReadonlyMap<string, string>, key: string, name: string): number | undefined {
  const value = fields.get(key);
  if (value === undefined) return undefined;
  const n = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(n)) throw bad(name, `external data with ${key} '${value}'`);
  return n;
}

/** A relative path that stays inside the model's folder, with forward slashes. */
function checkedPath(location: string, name: string): string {
  const parts = location.split('/').filter((p) => p !== '' && p !== '.');
  const escapes =
    location.startsWith('/') || /^[A-Za-z]:|\\|\0/.test(location) || parts.length === 0 || parts.includes('..');
  if (escapes)
    throw new InfcError('INFC1023', `tensor '${name}' is stored in '${location}', outside the model's folder`, {
      file: location,
      fix: 'External data must lie in the folder of the model or below it',
    });
  return parts.join('/');
}

/** A sparse tensor (COO, linear or per-axis indices) as a dense constant. */
export function importSparseTensor(proto: SparseTensorProto, fallbackName: string, files?: ExternalFiles): Constant {
  const name = proto.values?.name || fallbackName;
  if (!proto.values || !proto.indices) throw bad(name, 'a sparse tensor without values or indices');
  const values = importTensor(proto.values, name, files);
  const indices = importTensor(proto.indices, `${name} indices`, files);
  const shape = importDims(proto.dims ?? [], name);
  const { dtype } = values.type;
  const bits = bitsOf[dtype];
  const elements = shape.reduce((n, d) => n * d, 1);
  const bytes = byteLength(dtype, elements);
  if (bits % 8 !== 0 || bits === 0 || indices.type.dtype !== 'i64') throw bad(name, `a sparse tensor of ${dtype}`);
  if (bytes > MAX_DENSE) throw bad(name, `a sparse tensor of ${bytes} bytes when dense`, 'Store it dense or smaller');
  const count = values.bytes / (bits / 8);
  const raw = indices.read();
  const at = new BigInt64Array(raw.buffer, raw.byteOffset, indices.bytes / 8);
  const perAxis = indices.type.shape.length === 2;
  if (at.length !== (perAxis ? count * shape.length : count)) throw bad(name, 'indices that do not match its values');
  const size = bits / 8;
  const dense = new Uint8Array(bytes);
  const source = values.read();
  for (let i = 0; i < count; i++) {
    let position = 0;
    if (perAxis) {
      for (let axis = 0; axis < shape.length; axis++) {
        const c = Number(at[i * shape.length + axis]);
        if (c < 0 || c >= (shape[axis] ?? 0)) throw bad(name, `index ${c} outside axis ${axis}`);
        position = position * (shape[axis] ?? 0) + c;
      }
    } else position = Number(at[i]);
    if (position < 0 || position >= elements) throw bad(name, `index ${position} outside its ${elements} elements`);
    dense.set(source.subarray(i * size, (i + 1) * size), position * size);
  }
  return { name, type: tensor(dtype, shape), bytes, read: () => dense };
}

function bad(name: string, reason: string, fix = 'Export the model again; the file may be damaged'): InfcError {
  return new InfcError('INFC1020', `tensor '${name}': ${reason}`, { fix });
}

const counted = (name: string, got: string, shape: readonly number[], expected: number): InfcError =>
  bad(name, `${got} do not fill shape [${shape.join(', ')}], which takes ${expected}`);
