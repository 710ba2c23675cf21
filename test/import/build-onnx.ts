import * as onnxModule from 'onnx-proto';

type Proto = typeof onnxModule.onnx;
const proto: Proto =
  onnxModule.onnx ?? (onnxModule as unknown as { readonly default: { readonly onnx: Proto } }).default.onnx;

export type Graph = onnxModule.onnx.IGraphProto;
export type Node = onnxModule.onnx.INodeProto;
export type Attribute = onnxModule.onnx.IAttributeProto;
export type Tensor = onnxModule.onnx.ITensorProto;
export type ValueInfo = onnxModule.onnx.IValueInfoProto;
export type Model = onnxModule.onnx.IModelProto;

const utf8 = (s: string): Uint8Array => new TextEncoder().encode(s);

/** A tensor-typed value; string dims are symbols, null is an unnamed unknown. Element type 1 is f32, 7 is i64, 9 is bool. */
export const info = (name: string, shape: readonly (number | string | null)[], elemType = 1): ValueInfo => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: shape.map((d) => (typeof d === 'number' ? { dimValue: d } : d === null ? {} : { dimParam: d })) },
    },
  },
});

export const attribute = {
  int: (name: string, i: number): Attribute => ({ name, type: 2, i }),
  float: (name: string, f: number): Attribute => ({ name, type: 1, f }),
  ints: (name: string, ints: number[]): Attribute => ({ name, type: 7, ints }),
  floats: (name: string, floats: number[]): Attribute => ({ name, type: 6, floats }),
  string: (name: string, s: string): Attribute => ({ name, type: 3, s: utf8(s) }),
  strings: (name: string, s: string[]): Attribute => ({ name, type: 8, strings: s.map(utf8) }),
  tensor: (name: string, t: Tensor): Attribute => ({ name, type: 4, t }),
  graph: (name: string, g: Graph): Attribute => ({ name, type: 5, g }),
  reference: (name: string, refAttrName: string, type: number): Attribute => ({ name, refAttrName, type }),
};

export const node = (
  opType: string,
  input: string[],
  output: string[],
  attributes: Attribute[] = [],
  more: Partial<Node> = {},
): Node => ({ opType, input, output, attribute: attributes, ...more });

/** An f32 tensor in raw_data. */
export const f32 = (name: string, dims: number[], values: number[]): Tensor => ({
  name,
  dims,
  dataType: 1,
  rawData: new Uint8Array(Float32Array.from(values).buffer),
});

/** An i64 tensor in raw_data. */
export const i64 = (name: string, dims: number[], values: number[]): Tensor => ({
  name,
  dims,
  dataType: 7,
  rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

export function encodeModel(graph: Graph, more: Partial<Model> = {}): Uint8Array {
  const model: Model = { irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph, ...more };
  return proto.ModelProto.encode(model).finish();
}

export const decodeModelProto = (bytes: Uint8Array): Model => proto.ModelProto.decode(bytes);
export const encodeModelProto = (model: Model): Uint8Array => proto.ModelProto.encode(model).finish();
