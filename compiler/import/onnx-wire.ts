import { InfcError } from '../../runtime/errors.ts';

/** How a field is written: a varint, 4 or 8 bytes, a run of bytes, or a nested message by name. */
type FieldKind = 'varint' | 'fixed32' | 'fixed64' | 'bytes' | `${string}Proto`;
type Field = readonly [name: string, kind: FieldKind, repeated?: 'repeated'];

/**
 * The parts of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, ONNX 1.22) whose shape matters for a safe decode.
 * Fields that are not listed are skipped by their wire type.
 */
const SCHEMA: Readonly<Record<`${string}Proto`, Readonly<Record<number, Field>>>> = {
  ModelProto: {
    1: ['ir_version', 'varint'],
    2: ['producer_name', 'bytes'],
    3: ['producer_version', 'bytes'],
    4: ['domain', 'bytes'],
    5: ['model_version', 'varint'],
    6: ['doc_string', 'bytes'],
    7: ['graph', 'GraphProto'],
    8: ['opset_import', 'OperatorSetIdProto', 'repeated'],
    14: ['metadata_props', 'StringStringEntryProto', 'repeated'],
    25: ['functions', 'FunctionProto', 'repeated'],
  },
  OperatorSetIdProto: { 1: ['domain', 'bytes'], 2: ['version', 'varint'] },
  StringStringEntryProto: { 1: ['key', 'bytes'], 2: ['value', 'bytes'] },
  GraphProto: {
    1: ['node', 'NodeProto', 'repeated'],
    2: ['name', 'bytes'],
    5: ['initializer', 'TensorProto', 'repeated'],
    10: ['doc_string', 'bytes'],
    11: ['input', 'ValueInfoProto', 'repeated'],
    12: ['output', 'ValueInfoProto', 'repeated'],
    13: ['value_info', 'ValueInfoProto', 'repeated'],
    14: ['quantization_annotation', 'TensorAnnotationProto', 'repeated'],
    15: ['sparse_initializer', 'SparseTensorProto', 'repeated'],
  },
  TensorAnnotationProto: { 1: ['tensor_name', 'bytes'], 2: ['parameters', 'StringStringEntryProto', 'repeated'] },
  NodeProto: {
    1: ['input', 'bytes', 'repeated'],
    2: ['output', 'bytes', 'repeated'],
    3: ['name', 'bytes'],
    4: ['op_type', 'bytes'],
    5: ['attribute', 'AttributeProto', 'repeated'],
    6: ['doc_string', 'bytes'],
    7: ['domain', 'bytes'],
    8: ['overload', 'bytes'],
  },
  AttributeProto: {
    1: ['name', 'bytes'],
    2: ['f', 'fixed32'],
    3: ['i', 'varint'],
    4: ['s', 'bytes'],
    5: ['t', 'TensorProto'],
    6: ['g', 'GraphProto'],
    7: ['floats', 'fixed32', 'repeated'],
    8: ['ints', 'varint', 'repeated'],
    9: ['strings', 'bytes', 'repeated'],
    10: ['tensors', 'TensorProto', 'repeated'],
    11: ['graphs', 'GraphProto', 'repeated'],
    13: ['doc_string', 'bytes'],
    14: ['tp', 'TypeProto'],
    15: ['type_protos', 'TypeProto', 'repeated'],
    20: ['type', 'varint'],
    21: ['ref_attr_name', 'bytes'],
    22: ['sparse_tensor', 'SparseTensorProto'],
    23: ['sparse_tensors', 'SparseTensorProto', 'repeated'],
  },
  TensorProto: {
    1: ['dims', 'varint', 'repeated'],
    2: ['data_type', 'varint'],
    3: ['segment', 'SegmentProto'],
    4: ['float_data', 'fixed32', 'repeated'],
    5: ['int32_data', 'varint', 'repeated'],
    6: ['string_data', 'bytes', 'repeated'],
    7: ['int64_data', 'varint', 'repeated'],
    8: ['name', 'bytes'],
    9: ['raw_data', 'bytes'],
    10: ['double_data', 'fixed64', 'repeated'],
    11: ['uint64_data', 'varint', 'repeated'],
    12: ['doc_string', 'bytes'],
    13: ['external_data', 'StringStringEntryProto', 'repeated'],
    14: ['data_location', 'varint'],
  },
  SegmentProto: { 1: ['begin', 'varint'], 2: ['end', 'varint'] },
  SparseTensorProto: {
    1: ['values', 'TensorProto'],
    2: ['indices', 'TensorProto'],
    3: ['dims', 'varint', 'repeated'],
  },
  ValueInfoProto: { 1: ['name', 'bytes'], 2: ['type', 'TypeProto'], 3: ['doc_string', 'bytes'] },
  TypeProto: {
    1: ['tensor_type', 'TensorTypeProto'],
    4: ['sequence_type', 'ElementTypeProto'],
    5: ['map_type', 'MapTypeProto'],
    6: ['denotation', 'bytes'],
    8: ['sparse_tensor_type', 'TensorTypeProto'],
    9: ['optional_type', 'ElementTypeProto'],
  },
  TensorTypeProto: { 1: ['elem_type', 'varint'], 2: ['shape', 'TensorShapeProto'] },
  ElementTypeProto: { 1: ['elem_type', 'TypeProto'] },
  MapTypeProto: { 1: ['key_type', 'varint'], 2: ['value_type', 'TypeProto'] },
  TensorShapeProto: { 1: ['dim', 'DimensionProto', 'repeated'] },
  DimensionProto: { 1: ['dim_value', 'varint'], 2: ['dim_param', 'bytes'], 3: ['denotation', 'bytes'] },
  FunctionProto: {
    1: ['name', 'bytes'],
    4: ['input', 'bytes', 'repeated'],
    5: ['output', 'bytes', 'repeated'],
    6: ['attribute', 'bytes', 'repeated'],
    7: ['node', 'NodeProto', 'repeated'],
    8: ['doc_string', 'bytes'],
    9: ['opset_import', 'OperatorSetIdProto', 'repeated'],
    10: ['domain', 'bytes'],
    11: ['attribute_proto', 'AttributeProto', 'repeated'],
    13: ['overload', 'bytes'],
  },
};

/** Fields newer than onnx-proto's schema (ONNX 1.10), which its decoder drops: kept as raw bytes by path. */
const NEWER: ReadonlySet<string> = new Set(['NodeProto.8', 'FunctionProto.11', 'FunctionProto.13']);

/** Deep enough for 60 nested bodies; the decoder recurses once a level. */
const MAX_DEPTH = 200;
/** Bounds the memory that tiny messages can claim. */
const MAX_MESSAGES = 8_000_000;

/** Payloads of fields the decoder drops, by path such as `graph.node[3].overload`. */
export type NewerFields = ReadonlyMap<string, readonly Uint8Array[]>;

/**
 * Walks a serialized ModelProto without building anything: every length must lie inside its message, every field must have its wire
 * type, nesting is bounded. What passes cannot make the real decoder overrun or overflow its stack. Throws INFC1001 with the offset.
 */
export function checkWire(bytes: Uint8Array): NewerFields {
  const newer = new Map<string, Uint8Array[]>();
  const path: string[] = [];
  let at = 0;
  let messages = 0;

  const fail = (reason: string, offset: number): never => {
    throw new InfcError('INFC1001', `not a valid ONNX file: ${reason}`, {
      offset,
      fix: 'Check that the file is a complete .onnx model (compare its size and checksum with the source)',
    });
  };

  const varint = (end: number): number => {
    const start = at;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (at >= end) fail('a number runs past the end of its message', start);
      const b = bytes[at++] ?? 0;
      value += (b & 127) * scale;
      if (b < 128) return value;
      scale *= 128;
    }
    return fail('a number is longer than 10 bytes', start);
  };

  const skipFixed = (size: number, end: number, start: number): void => {
    at += size;
    if (at > end) fail('a field runs past the end of its message', start);
  };

  const length = (end: number, start: number): number => {
    const n = varint(end);
    if (n > end - at) fail(`a field claims ${n} bytes where ${end - at} are left`, start);
    return at + n;
  };

  const packedVarints = (end: number, start: number): void => {
    if (end > at && (bytes[end - 1] ?? 0) >= 128) fail('a packed list ends inside a number', start);
    let run = 0;
    for (; at < end; at++) {
      if ((bytes[at] ?? 0) < 128) run = 0;
      else if (++run >= 10) fail('a number is longer than 10 bytes', at);
    }
  };

  const message = (name: `${string}Proto`, end: number, depth: number): void => {
    if (depth > MAX_DEPTH) fail(`messages nest more than ${MAX_DEPTH} deep`, at);
    if (++messages > MAX_MESSAGES) fail(`more than ${MAX_MESSAGES} messages`, at);
    const schema = SCHEMA[name] ?? {};
    const counts = new Map<number, number>();
    while (at < end) {
      const start = at;
      const tag = varint(end);
      const wire = tag % 8;
      const number = Math.floor(tag / 8);
      if (number < 1 || number > 536870911) fail(`field number ${number}`, start);
      const field = schema[number];
      if (!field) {
        if (wire === 0) varint(end);
        else if (wire === 1) skipFixed(8, end, start);
        else if (wire === 5) skipFixed(4, end, start);
        else if (wire === 2) at = length(end, start);
        else fail(`wire type ${wire}`, start);
        continue;
      }
      const [fieldName, kind, repeated] = field;
      const packed = repeated !== undefined && wire === 2;
      if (kind === 'varint') {
        if (packed) packedVarints(length(end, start), start);
        else if (wire === 0) varint(end);
        else fail(`${name}.${fieldName} has wire type ${wire}`, start);
      } else if (kind === 'fixed32' || kind === 'fixed64') {
        const size = kind === 'fixed32' ? 4 : 8;
        if (packed) {
          const stop = length(end, start);
          if ((stop - at) % size !== 0) fail(`${name}.${fieldName} is not a whole number of elements`, start);
          at = stop;
        } else if (wire === (kind === 'fixed32' ? 5 : 1)) skipFixed(size, end, start);
        else fail(`${name}.${fieldName} has wire type ${wire}`, start);
      } else {
        if (wire !== 2) fail(`${name}.${fieldName} has wire type ${wire}`, start);
        const stop = length(end, start);
        const index = counts.get(number) ?? 0;
        counts.set(number, index + 1);
        const step = repeated ? `${fieldName}[${index}]` : fieldName;
        if (NEWER.has(`${name}.${number}`)) {
          const key = [...path, fieldName].join('.');
          const list = newer.get(key) ?? [];
          list.push(bytes.subarray(at, stop));
          newer.set(key, list);
        }
        if (kind === 'bytes') at = stop;
        else {
          if (!repeated && index > 0) fail(`${name}.${fieldName} appears twice`, start);
          path.push(step);
          message(kind, stop, depth + 1);
          path.pop();
        }
      }
    }
  };
  message('ModelProto', bytes.byteLength, 0);
  return newer;
}
