import { InfcError } from '../../runtime/errors.ts';
import { collectSyms, type Sym } from '../ir/dim.ts';
import { forEachNode, Graph, type Program, type Value } from '../ir/graph.ts';
import type { HostTensor } from '../ir/op.ts';
import type { Registry } from '../plugin.ts';
import { decodeModel, type ModelProto, toNumber } from './onnx-decode.ts';
import { GraphImporter } from './onnx-graph.ts';
import type { ExternalFiles } from './onnx-tensor.ts';
import { type DimOptions, SymbolTable } from './symbols.ts';

/** Newest ai.onnx opset whose ops the importer knows. */
export const NEWEST_OPSET = 27;

/** How a model is imported. */
export interface OnnxImportOptions {
  readonly name: string;
  /** Reads tensor data stored beside the model; models with external data are refused without it. */
  readonly externalFiles?: ExternalFiles;
  /** Values or bounds of dynamic dimensions, by their name in the model. */
  readonly dims?: DimOptions;
  /** Computes a value that depends on constants only, for adapters that need numbers (the reference evaluator). */
  readonly evaluate?: (value: Value) => HostTensor | undefined;
}

/** Imports an ONNX model. Throws INFC1xxx (or INFC2xxx from an op's type rules) naming the node or byte, the reason and a fix. */
export function importOnnx(bytes: Uint8Array, options: OnnxImportOptions, registry: Registry): Program {
  const decoded = decodeModel(bytes);
  const { model } = decoded;
  const proto = model.graph;
  if (!proto)
    throw new InfcError('INFC1002', 'the file holds no graph', { fix: 'Check that it is an ONNX model, not a tensor' });
  const plain = new Set<string>();
  for (const input of proto.input ?? [])
    for (const d of input.type?.tensorType?.shape?.dim ?? []) if (d.dimParam) plain.add(d.dimParam);
  const symbols = new SymbolTable(options.dims ?? {}, plain);
  const importer = new GraphImporter(decoded, registry, symbols, options.externalFiles, options.evaluate);
  const graph = new Graph('main');
  importer.importMain(proto, graph, opsets(model));
  symbols.checkOptionsUsed();
  return {
    name: options.name,
    entries: new Map([['main', graph]]),
    states: [],
    symbols: symbolsOf(graph),
    metadata: metadata(model),
  };
}

/** Operator counts of a model's graphs, functions and bodies by `domain.Name` (default domain without prefix); imports nothing. */
export function countOnnxOps(bytes: Uint8Array): Map<string, number> {
  const counts = new Map<string, number>();
  const { model } = decodeModel(bytes);
  type Nodes = NonNullable<NonNullable<ModelProto['graph']>['node']>;
  const visit = (nodes: Nodes): void => {
    for (const node of nodes) {
      const domain = node.domain && node.domain !== 'ai.onnx' ? `${node.domain}.` : '';
      const key = `${domain}${node.opType ?? ''}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      for (const a of node.attribute ?? []) for (const g of [a.g, ...(a.graphs ?? [])]) if (g) visit(g.node ?? []);
    }
  };
  visit(model.graph?.node ?? []);
  for (const f of model.functions ?? []) visit(f.node ?? []);
  return counts;
}

/** Opset version by domain; '' is ai.onnx. */
function opsets(model: ModelProto): Map<string, number> {
  const versions = new Map<string, number>();
  for (const o of model.opsetImport ?? []) {
    const domain = o.domain === 'ai.onnx' ? '' : (o.domain ?? '');
    const version = toNumber(o.version);
    if (domain === '' && (version < 1 || version > NEWEST_OPSET))
      throw new InfcError('INFC1050', `the model uses ai.onnx opset ${version}; infc knows 1 to ${NEWEST_OPSET}`, {
        fix: `Export the model with opset ${NEWEST_OPSET} or older`,
      });
    versions.set(domain, version);
  }
  // IR versions 1 and 2 had no opset imports.
  if (versions.size === 0 && toNumber(model.irVersion) < 3) versions.set('', 1);
  return versions;
}

function metadata(model: ModelProto): Record<string, string> {
  const out: Record<string, string> = { format: 'onnx', ir: String(toNumber(model.irVersion)) };
  if (model.producerName) out.producer = `${model.producerName} ${model.producerVersion ?? ''}`.trim();
  for (const o of model.opsetImport ?? []) out[`opset ${o.domain || 'ai.onnx'}`] = String(toNumber(o.version));
  for (const p of model.metadataProps ?? []) if (p.key) out[`metadata ${p.key}`] = p.value ?? '';
  return out;
}

/** Every symbol that types of the graph and its bodies mention. */
export function symbolsOf(graph: Graph): Map<string, Sym> {
  const symbols = new Map<string, Sym>();
  const value = (v: Value): void => {
    for (const d of v.type.shape) collectSyms(d, symbols);
  };
  graph.inputs.forEach(value);
  forEachNode(graph, (node) => {
    node.outputs.forEach(value);
    for (const a of Object.values(node.attrs)) if (a instanceof Graph) a.inputs.forEach(value);
  });
  return symbols;
}
