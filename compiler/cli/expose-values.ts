import onnxProto from 'onnx-proto';

/** An ONNX model in which every value that a node of the main graph computes is an output, so that onnxruntime shows them all. */
export function exposeValues(model: Uint8Array): Uint8Array {
  const { ModelProto, ValueInfoProto } = onnxProto.onnx;
  const decoded = ModelProto.decode(model);
  const { graph } = decoded;
  if (!graph) return model;
  const outputs = graph.output ?? [];
  const present = new Set(outputs.map((o) => o.name));
  for (const node of graph.node ?? []) {
    for (const name of node.output ?? []) {
      if (!name || present.has(name)) continue;
      present.add(name);
      outputs.push(ValueInfoProto.create({ name }));
    }
  }
  graph.output = outputs;
  return ModelProto.encode(decoded).finish();
}
