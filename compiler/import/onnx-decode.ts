import * as onnxModule from 'onnx-proto';
import { InfcError } from '../../runtime/errors.ts';
import { checkWire, type NewerFields } from './onnx-wire.ts';

type Proto = typeof onnxModule.onnx;
// The package is CommonJS: Node puts it under `default`, a bundler may give the names directly.
const proto: Proto =
  onnxModule.onnx ?? (onnxModule as unknown as { readonly default: { readonly onnx: Proto } }).default.onnx;

export type ModelProto = onnxModule.onnx.IModelProto;
export type GraphProto = onnxModule.onnx.IGraphProto;
export type NodeProto = onnxModule.onnx.INodeProto;
export type AttributeProto = onnxModule.onnx.IAttributeProto;
export type TensorProto = onnxModule.onnx.ITensorProto;
export type SparseTensorProto = onnxModule.onnx.ISparseTensorProto;
export type TypeProto = onnxModule.onnx.ITypeProto;
export type ValueInfoProto = onnxModule.onnx.IValueInfoProto;
export type FunctionProto = onnxModule.onnx.IFunctionProto;
export type OperatorSetIdProto = onnxModule.onnx.IOperatorSetIdProto;
export type StringStringEntryProto = onnxModule.onnx.IStringStringEntryProto;

/** A decoded model and the fields that onnx-proto's older schema does not know. */
export interface DecodedModel {
  readonly model: ModelProto;
  readonly newer: NewerFields;
}

const KINDS: Readonly<Record<string, string>> = { '<': 'a web page', '{': 'JSON' };

/** Decodes model bytes, after {@link checkWire} has made that safe. Tensor data are views into `bytes`. Throws INFC1001. */
export function decodeModel(bytes: Uint8Array): DecodedModel {
  if (bytes.byteLength === 0)
    throw new InfcError('INFC1001', 'not a valid ONNX file: it is empty', { offset: 0, fix: 'Give a .onnx model' });
  const text = /^(<|version https:\/\/git-lfs|\{)/.exec(
    new TextDecoder('latin1').decode(bytes.subarray(0, 40)).trimStart(),
  );
  if (text)
    throw new InfcError('INFC1001', `not a valid ONNX file: it is a text (${KINDS[text[1] ?? ''] ?? 'of Git LFS'})`, {
      offset: 0,
      fix: text[1] === '{' ? 'Give the .onnx model' : 'Download the file itself',
    });
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const newer = checkWire(plain);
  return { model: decoded('model', () => proto.ModelProto.decode(plain)), newer };
}

/** Decodes one attribute message (the defaults of local functions, see {@link NewerFields}). */
export const decodeAttribute = (bytes: Uint8Array): AttributeProto =>
  decoded('attribute', () => proto.AttributeProto.decode(bytes));

/** Decodes one TensorProto, as in the .pb files of ONNX's backend tests. */
export const decodeTensorProto = (bytes: Uint8Array): TensorProto =>
  decoded('tensor', () => proto.TensorProto.decode(bytes));

function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new InfcError('INFC1001', `not a valid ONNX ${what}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
      fix: 'Check that the file is a complete .onnx model',
    });
  }
}

/** A protobuf 64-bit integer: protobufjs gives a Long (or a number for small defaults). */
interface Long {
  readonly low: number;
  readonly high: number;
}

const isLong = (v: unknown): v is Long => typeof v === 'object' && v !== null && 'low' in v && 'high' in v;

/** A signed 64-bit field. */
export function toBigInt(v: unknown): bigint {
  if (isLong(v)) return BigInt.asIntN(64, (BigInt(v.high) << 32n) | BigInt(v.low >>> 0));
  return typeof v === 'number' ? BigInt(v) : 0n;
}

/** A signed 64-bit field as a number; absent is 0, magnitudes beyond 2^53 lose their last bits. */
export const toNumber = (v: unknown): number => (isLong(v) ? v.high * 4294967296 + (v.low >>> 0) : Number(v ?? 0));

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
