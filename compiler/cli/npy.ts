import { InfcError } from '../../runtime/errors.ts';
import { byteLength, type DType, entriesOf, viewOf } from '../ir/dtype.ts';
import type { HostTensor } from '../ir/op.ts';
import { typedData } from '../tensor-values.ts';

/** NumPy's array file format, version 1.0 to 3.0 (numpy.lib.format): little- or big-endian, C or Fortran order. */
const dtypeOf: Readonly<Record<string, DType>> = {
  f8: 'f64',
  f4: 'f32',
  f2: 'f16',
  i8: 'i64',
  i4: 'i32',
  i2: 'i16',
  i1: 'i8',
  u8: 'u64',
  u4: 'u32',
  u2: 'u16',
  u1: 'u8',
  b1: 'bool',
  c8: 'c64',
  c16: 'c128',
};
const codeOf = new Map(Object.entries(dtypeOf).map(([code, dtype]) => [dtype, code]));

/** Decodes a .npy file. Throws INFC8010 on anything that is not one. */
export function decodeNpy(bytes: Uint8Array, file: string): HostTensor {
  const bad = (reason: string, offset?: number): InfcError =>
    new InfcError('INFC8010', `not a readable .npy file: ${reason}`, {
      file,
      ...(offset === undefined ? {} : { offset }),
      fix: 'Write it with numpy.save, without pickled objects',
    });
  if (bytes.length < 10 || String.fromCharCode(...bytes.subarray(0, 6)) !== '\u0093NUMPY')
    throw bad('no NUMPY magic', 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3) throw bad(`version ${major}`, 6);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw bad('truncated header', 8);
  const headerBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + headerBytes > bytes.length) throw bad('truncated header', 8);
  const header = new TextDecoder().decode(bytes.subarray(start, start + headerBytes));
  const descr = /'descr'\s*:\s*'([<>|=]?)([a-z])(\d+)'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const shapeText = /'shape'\s*:\s*\(([^)]*)\)/.exec(header);
  if (!descr || !order || !shapeText) throw bad('unusual header (structured or pickled data?)', start);
  const dtype = dtypeOf[`${descr[2]}${descr[3]}`];
  if (dtype === undefined) throw bad(`element type '${descr[2]}${descr[3]}'`, start);
  const shape = (shapeText[1] ?? '')
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map(Number);
  if (shape.some((d) => !Number.isSafeInteger(d) || d < 0)) throw bad(`shape (${shapeText[1]})`, start);
  const elements = shape.reduce((n, d) => n * d, 1);
  const size = byteLength(dtype, elements);
  // Not bytes.slice: a Buffer's does not copy.
  const data = new Uint8Array(bytes.subarray(start + headerBytes, start + headerBytes + size));
  if (data.length < size) throw bad(`${size} data bytes expected, ${data.length} there`, start + headerBytes);
  const unit = elements === 0 ? 1 : size / elements;
  const word = unit / entriesOf(dtype);
  if (descr[1] === '>') for (let i = 0; i < data.length; i += word) data.subarray(i, i + word).reverse();
  const ordered = order[1] === 'True' && shape.length > 1 ? fromFortran(data, shape, unit) : data;
  return { dtype, shape, data: viewOf(dtype, ordered.buffer, 0, elements) };
}

function fromFortran(data: Uint8Array, shape: readonly number[], unit: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length);
  const index = shape.map(() => 0);
  const strides = shape.map((_, i) => shape.slice(0, i).reduce((n, d) => n * d, 1));
  for (let to = 0; to < data.length; to += unit) {
    const from = index.reduce((n, x, i) => n + x * (strides[i] ?? 0), 0) * unit;
    out.set(data.subarray(from, from + unit), to);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
  return out;
}

/** Encodes a tensor as .npy version 1.0. Types NumPy lacks (bf16, fp8, sub-byte) are written as their raw bytes. */
export function encodeNpy(tensor: HostTensor): Uint8Array {
  const view = typedData(tensor);
  if (!view) throw new InfcError('INFC8011', 'strings cannot be written as .npy', { fix: 'Use --json to see them' });
  const data = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const code = codeOf.get(tensor.dtype) ?? (tensor.dtype === 'bf16' ? 'u2' : 'u1');
  const raw = !codeOf.has(tensor.dtype) && tensor.dtype !== 'bf16';
  const shape = raw ? [data.length] : tensor.shape;
  const order = code.endsWith('1') ? '|' : '<';
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  let header = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${dims}), }`;
  header += `${' '.repeat(63 - ((10 + header.length) % 64))}\n`;
  const out = new Uint8Array(10 + header.length + data.length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  out.set(data, 10 + header.length);
  return out;
}
