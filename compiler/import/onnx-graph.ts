import { InfcError } from '../../runtime/errors.ts';
import { sym } from '../ir/dim.ts';
import {
  type Constant,
  commonContainer,
  forEachNode,
  formatType,
  Graph,
  type TensorType,
  type Value,
} from '../ir/graph.ts';
import { GraphBuilder } from '../ir/graph-builder.ts';
import type { HostTensor } from '../ir/op.ts';
import type { Registry } from '../plugin.ts';
import { type DecodedModel, decodeAttribute, type GraphProto, type NodeProto, text } from './onnx-decode.ts';
import {
  type BoundAttribute,
  bindCall,
  domainOf,
  type Frame,
  functionKey,
  type LocalFunction,
  type Place,
  Scope,
} from './onnx-function.ts';
import { ImportedNode, type NodeHost } from './onnx-node.ts';
import { nodeName, orderNodes } from './onnx-order.ts';
import { checkSignature } from './onnx-signature.ts';
import { type ExternalFiles, importSparseTensor, importTensor } from './onnx-tensor.ts';
import { importType } from './onnx-type.ts';
import { closest } from './suggest.ts';
import type { SymbolTable } from './symbols.ts';

/** Nodes after inlining: bounds functions that call each other twice at every level. */
const MAX_NODES = 500_000;
/** Turns decoded ONNX graphs into nodes of the graph IR through the registry's adapters. */
export class GraphImporter {
  private readonly functions = new Map<string, LocalFunction>();
  private readonly names = new Set<string>();
  private nodes = 0;

  constructor(
    private readonly decoded: DecodedModel,
    private readonly registry: Registry,
    private readonly symbols: SymbolTable,
    private readonly files: ExternalFiles | undefined,
    private readonly evaluate: ((value: Value) => HostTensor | undefined) | undefined,
  ) {
    (decoded.model.functions ?? []).forEach((proto, i) => {
      const path = `functions[${i}]`;
      const key = functionKey(proto.domain, proto.name, this.newerText(`${path}.overload`));
      if (this.functions.has(key))
        throw new InfcError('INFC1044', `local function '${key}' is defined twice`, { fix: 'Export the model again' });
      const defaults = (decoded.newer.get(`${path}.attribute_proto`) ?? []).map(decodeAttribute);
      this.functions.set(key, { key, proto, path, defaults });
    });
  }

  private newerText(path: string): string {
    const found = this.decoded.newer.get(path)?.[0];
    return found ? text(found) : '';
  }

  /** Imports the model's graph: inputs with types and symbolic dims, nodes, outputs. */
  importMain(proto: GraphProto, graph: Graph, opsets: ReadonlyMap<string, number>): void {
    const frame: Frame = { opsets, prefix: '', attributes: new Map(), calls: [] };
    const place: Place = { frame, scope: new Scope(), path: 'graph' };
    this.importInitializers(proto, graph, place.scope);
    const inputs = new Set<string>();
    for (const input of proto.input ?? []) {
      const name = input.name ?? '';
      if (name === '' || inputs.has(name)) throw duplicate('graph input', name);
      inputs.add(name);
      // Before IR version 4 every initializer was listed as an input too; later that gives it a default. Both are weights here.
      if (place.scope.owns(name)) continue;
      const inContainer = input.type?.tensorType === null || input.type?.tensorType === undefined;
      const type = importType(input.type, name, (dimName, axis) =>
        // Shapes of elements differ from one to the next: no two of them share a symbol.
        inContainer
          ? sym(`element_${axis}@${name}`)
          : dimName === undefined || isPlaceholder(dimName)
            ? this.symbols.fresh(`${name}_dim${axis}`)
            : this.symbols.named(dimName),
      );
      if (!type || (type.unranked && !type.container))
        throw new InfcError('INFC1015', `input '${name}' has no ${type ? 'shape' : 'type'}`, {
          fix: 'Give the input a type with a rank in the model (dynamic dimensions may stay symbolic)',
        });
      place.scope.set(name, graph.input(name, type));
    }
    const builder = new GraphBuilder(graph, this.registry, { name: graph.name, op: 'graph' });
    this.importNodes(proto.node ?? [], builder, place);
    const outputs = proto.output ?? [];
    if (outputs.length === 0)
      throw new InfcError('INFC1046', 'the graph has no outputs', {
        fix: 'Export the model with its results as outputs',
      });
    const taken = new Set<string>();
    for (const output of outputs) {
      const name = output.name ?? '';
      if (taken.has(name)) throw duplicate('graph output', name);
      taken.add(name);
      const value = this.outputValue(name, place.scope, 'the graph');
      const declared = importType(output.type, name, () => UNKNOWN);
      this.checkDeclared(declared, value, name);
      const isThere = declared?.container === 'sequence' && value.type.container === 'optional-sequence';
      builder.source = { name, op: 'graph output' };
      const given = isThere ? builder.node('optional_get_element', [value], {}, name) : value;
      graph.outputs.push(this.ownedBy(graph, given, builder, name));
    }
  }

  private outputValue(name: string, scope: Scope, where: string): Value {
    const value = scope.get(name);
    if (value) return value;
    throw new InfcError('INFC1045', `nothing produces output '${name}' of ${where}`, {
      fix: 'Export the model again; the node that computes it is missing',
    });
  }

  private checkDeclared(declared: TensorType | undefined, value: Value, name: string): void {
    if (!declared) return;
    const { type } = value;
    const wrongRank = !declared.unranked && !type.unranked && declared.shape.length !== type.shape.length;
    if (declared.dtype !== type.dtype || !commonContainer(declared.container, type.container) || wrongRank)
      throw new InfcError('INFC1047', `output '${name}' is ${formatType(type)}, declared as ${formatType(declared)}`, {
        ...(value.producer ? { node: value.producer.source.name } : {}),
        fix: 'Correct the declared output type, or the node that computes it',
      });
  }

  /** Outputs must be results of this graph's own nodes, each once: others pass through an identity. */
  private ownedBy(graph: Graph, value: Value, builder: GraphBuilder, name: string): Value {
    const own = value.producer !== undefined && graph.nodes.includes(value.producer) && !graph.outputs.includes(value);
    if (own) {
      value.name = name;
      return value;
    }
    builder.source = { name: this.uniqueName(`${name}_output`), op: 'Identity' };
    const onHost = value.type.container !== undefined || value.type.dtype === 'string';
    return builder.node(onHost ? 'container_identity' : 'identity', [value], {}, name);
  }

  private importInitializers(proto: GraphProto, graph: Graph, scope: Scope): void {
    const put = (c: Constant): void => {
      if (c.name === '' || scope.owns(c.name)) throw duplicate('initializer', c.name);
      scope.set(c.name, graph.constant(c));
    };
    for (const t of proto.initializer ?? []) put(importTensor(t, '', this.files));
    for (const t of proto.sparseInitializer ?? []) put(importSparseTensor(t, '', this.files));
  }

  private uniqueName(name: string): string {
    let unique = name;
    for (let i = 2; this.names.has(unique); i++) unique = `${name}#${i}`;
    this.names.add(unique);
    return unique;
  }

  private importNodes(nodes: readonly NodeProto[], builder: GraphBuilder, place: Place): void {
    for (const node of nodes)
      for (const name of node.output ?? [])
        if (name !== '' && place.scope.owns(name)) throw duplicate('value', name, node);
    for (const index of orderNodes(nodes, (name) => place.scope.get(name) !== undefined)) {
      const node = nodes[index];
      if (!node) continue;
      if (++this.nodes > MAX_NODES)
        throw new InfcError('INFC1048', `the model has more than ${MAX_NODES} nodes after its functions are inlined`, {
          fix: 'Export the model without nested local functions',
        });
      this.importNode(node, builder, { ...place, path: `${place.path}.node[${index}]` });
    }
  }

  private importNode(proto: NodeProto, builder: GraphBuilder, place: Place): void {
    const { frame, scope } = place;
    const op = proto.opType ?? '';
    const domain = domainOf(proto.domain);
    const attributes = this.bindAttributes(proto, place);
    const inputs = (proto.input ?? []).map((name) => (name === '' ? null : (scope.get(name) ?? null)));
    const outputs = proto.output ?? [];
    const key = functionKey(domain, op, this.newerText(`${place.path}.overload`));
    const local = this.functions.get(key);
    if (local) {
      const results = this.call(local, inputs, attributes, builder, frame, `${frame.prefix}${nodeName(proto)}`);
      outputs.forEach((name, i) => {
        const value = results[i];
        if (name !== '' && value) scope.set(name, value);
      });
      return;
    }
    const name = this.uniqueName(frame.prefix + nodeName(proto));
    builder.source = { name, op };
    const opset = frame.opsets.get(domain);
    const adapter = this.registry.onnxOp(domain, op);
    if (!adapter) throw this.unknownOp(domain, op, name);
    if (opset === undefined && domain === '')
      throw new InfcError('INFC1051', 'the model imports no ai.onnx opset', {
        node: name,
        fix: 'Export the model again',
      });
    const version = opset ?? 1;
    if (version < (adapter.since ?? 1) || version > (adapter.until ?? Number.POSITIVE_INFINITY))
      throw new InfcError('INFC1052', `${op} is not part of opset ${version} (${range(adapter)})`, {
        node: name,
        fix: 'Export the model with an opset that has it',
      });
    checkSignature(domain, op, version, { name, inputs: proto.input ?? [], attributes: attributes.keys() });
    const plain = new Map([...attributes].map(([k, v]) => [k, v.proto]));
    const node: ImportedNode = new ImportedNode(
      name,
      op,
      domain,
      version,
      inputs,
      outputs,
      plain,
      this.hostOf(attributes, builder, name),
    );
    const results = guarded(node, () => adapter.build(node, builder));
    builder.source = { name, op };
    outputs.forEach((output, i) => {
      if (output === '') return;
      const value = results[i];
      if (!value) node.fail(`output ${i} ('${output}') is not supported`, 'Export the model without this output');
      // A value that only passes through keeps the name it has.
      if (value.producer?.source.name === name) value.name = output;
      scope.set(output, value);
    });
  }

  /** Attributes of a node with references to the enclosing function's attributes resolved; unset references are left out. */
  private bindAttributes(proto: NodeProto, place: Place): Map<string, BoundAttribute> {
    const bound = new Map<string, BoundAttribute>();
    (proto.attribute ?? []).forEach((a, i) => {
      const name = a.name ?? '';
      if (bound.has(name)) throw duplicate('attribute', name, proto);
      if (a.refAttrName) {
        const target = place.frame.attributes.get(a.refAttrName);
        if (target) bound.set(name, target);
      } else bound.set(name, { proto: a, place: { ...place, path: `${place.path}.attribute[${i}]` } });
    });
    return bound;
  }

  private hostOf(attributes: ReadonlyMap<string, BoundAttribute>, builder: GraphBuilder, node: string): NodeHost {
    const bodies = new Map<string, { readonly graph: Graph; readonly names: readonly string[] }>();
    // A body may be imported again with other input types: the earlier graph lets go of the outer values and of its node names.
    const discard = (attribute: string): void => {
      const old = bodies.get(attribute);
      if (!old) return;
      bodies.delete(attribute);
      for (const name of old.names) this.names.delete(name);
      detach(old.graph);
    };
    const body = (attribute: string): { readonly proto: GraphProto; readonly place: Place } => {
      const found = attributes.get(attribute);
      const proto = found?.proto.g;
      if (!found || !proto) throw new InfcError('INFC1030', `attribute '${attribute}' is missing`, { node });
      return { proto, place: { ...found.place, scope: new Scope(found.place.scope), path: `${found.place.path}.g` } };
    };
    const checkInputs = (proto: GraphProto, given: number, attribute: string): void => {
      const declared = proto.input?.length ?? 0;
      if (declared !== given)
        throw new InfcError('INFC1049', `body '${attribute}' has ${declared} inputs where ${given} are passed`, {
          node,
          fix: 'Export the model again',
        });
    };
    return {
      files: this.files,
      evaluate: (value) => this.evaluate?.(value),
      subgraph: (attribute, inputs, known) => {
        discard(attribute);
        const before = this.names.size;
        const { proto, place } = body(attribute);
        checkInputs(proto, inputs.length, attribute);
        const graph = new Graph(`${node}.${attribute}`);
        this.importInitializers(proto, graph, place.scope);
        inputs.forEach((type, i) => {
          const name = proto.input?.[i]?.name ?? '';
          const value = graph.input(name, type);
          value.known = known[i];
          place.scope.set(name, value);
        });
        const inner = new GraphBuilder(graph, this.registry, builder.source);
        this.importNodes(proto.node ?? [], inner, place);
        for (const output of proto.output ?? []) {
          const value = this.outputValue(output.name ?? '', place.scope, `body '${attribute}' of '${node}'`);
          graph.outputs.push(this.ownedBy(graph, value, inner, output.name ?? ''));
        }
        bodies.set(attribute, { graph, names: [...this.names].slice(before) });
        return graph;
      },
      inline: (attribute, inputs, into = builder) => {
        discard(attribute);
        const { proto, place } = body(attribute);
        checkInputs(proto, inputs.length, attribute);
        this.importInitializers(proto, into.graph, place.scope);
        inputs.forEach((value, i) => {
          place.scope.set(proto.input?.[i]?.name ?? '', value);
        });
        const { source } = into;
        this.importNodes(proto.node ?? [], into, place);
        into.source = source;
        return (proto.output ?? []).map((o) => this.outputValue(o.name ?? '', place.scope, `body '${attribute}'`));
      },
    };
  }

  /** Inlines a local function: its nodes are imported into the caller's graph. */
  private call(
    f: LocalFunction,
    inputs: readonly (Value | null)[],
    attributes: ReadonlyMap<string, BoundAttribute>,
    builder: GraphBuilder,
    caller: Frame,
    name: string,
  ): readonly (Value | undefined)[] {
    const { place, nodes } = bindCall(f, inputs, attributes, caller, name);
    this.importNodes(nodes, builder, place);
    return (f.proto.output ?? []).map((o) => place.scope.get(o));
  }

  private unknownOp(domain: string, op: string, node: string): InfcError {
    const full = domain === '' ? op : `${domain}.${op}`;
    const known = [...this.registry.onnxOps].filter((o) => o.domain === domain).map((o) => o.name);
    const near = closest(op, known);
    return new InfcError('INFC1060', `ONNX op '${full}' is not supported`, {
      node,
      fix: `${near ? `The closest supported op is ${near}. ` : ''}Add it with a plugin: infc plugin new op ${full}`,
    });
  }
}

/** Names that exporters write for "unknown": two of them need not be equal. */
const isPlaceholder = (name: string): boolean => /^(\?|none|null|unk|unknown|dynamic|-1)$/i.test(name);

/** Stands for any dimension where only the rank matters. */
const UNKNOWN = sym('?');

/** Takes the nodes of a graph that is given up out of the use lists of outer values. */
function detach(graph: Graph): void {
  forEachNode(graph, (node) => {
    for (const v of node.inputs) {
      const at = v?.uses.indexOf(node) ?? -1;
      if (at >= 0) v?.uses.splice(at, 1);
    }
  });
}

const duplicate = (what: string, name: string, node?: NodeProto): InfcError =>
  new InfcError('INFC1042', name === '' ? `a ${what} has no name` : `${what} '${name}' is defined twice`, {
    ...(node ? { node: nodeName(node) } : {}),
    fix: 'Give every value its own name',
  });

const range = (o: { readonly since?: number; readonly until?: number }): string =>
  o.until === undefined ? `since ${o.since ?? 1}` : `${o.since ?? 1} to ${o.until}`;

/** Adapters are code of many hands (plugins too): whatever else they throw becomes an error that names the node. */
function guarded<T>(node: ImportedNode, build: () => T): T {
  try {
    return build();
  } catch (cause) {
    if (cause instanceof InfcError && cause.place.node !== undefined) throw cause;
    // What is said about a dimension or a table alone happened at this node.
    if (cause instanceof InfcError)
      throw new InfcError(cause.code, `${node.op}: ${cause.reason}`, {
        ...cause.place,
        node: node.name,
        ...(cause.fix === undefined ? {} : { fix: cause.fix }),
        cause,
      });
    throw new InfcError(
      'INFC1090',
      `${node.op} could not be imported: ${cause instanceof Error ? cause.message : cause}`,
      {
        node: node.name,
        cause,
        fix: 'Check the inputs and attributes of the node; if they are right, report this as a bug',
      },
    );
  }
}
