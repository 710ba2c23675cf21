import { InfcError } from '../../runtime/errors.ts';
import { collectSyms, type Dim, equals, formatDim } from './dim.ts';
import { formatType, Graph, type Node, type Program, type TensorType, type Value } from './graph.ts';
import { inferContext, type OpTable } from './graph-builder.ts';

/** Throws INFC202x at the first broken rule of any entry; see {@link verifyGraph}. Symbols must be declared by the program. */
export function verifyProgram(program: Program, ops: OpTable): void {
  for (const [name, graph] of program.entries) {
    verifyGraph(graph, ops);
    verifyStates(graph, ops, program);
    const check = (v: Value): void => {
      for (const d of v.type.shape)
        for (const s of collectSyms(d).keys())
          if (!program.symbols.has(s) && !isBoundByRun(s))
            throw broken('INFC2026', `value '${v.name}' uses symbol '${s}', which entry '${name}' does not declare`);
    };
    graph.inputs.forEach(check);
    eachValue(graph, check);
  }
}

/**
 * State ops name states of the program by their type, stand in an entry itself and not in a body, and nothing reads contents that an
 * earlier node of the entry has overwritten, be it through a view.
 */
function verifyStates(graph: Graph, ops: OpTable, program: Program): void {
  const stateOf = new Map<Value, string>();
  const stale = new Map<Value, Node>();
  const reads = (node: Node, inBody: boolean): void => {
    for (const v of node.inputs) {
      const writer = v && stale.get(v);
      if (writer && v)
        throw broken('INFC2027', `'${v.name}' is read after '${writer.source.name}' has overwritten the state`, node);
    }
    if (inBody && (node.op === 'state_read' || node.op === 'state_write'))
      throw broken('INFC2028', 'a body cannot read or write a state', node);
    for (const body of bodies(node)) for (const inner of body.nodes) reads(inner, true);
  };
  for (const node of graph.nodes) {
    reads(node, false);
    const [first] = node.inputs;
    const [out] = node.outputs;
    if (!out) continue;
    if (node.op === 'state_read') {
      const state = program.states.find((s) => s.name === node.attrs.state);
      if (!state || !sameType(state.type, out.type))
        throw broken(
          'INFC2028',
          `the program has no state '${String(node.attrs.state)}' of ${formatType(out.type)}`,
          node,
        );
      stateOf.set(out, state.name);
    } else if (node.op === 'state_write') {
      const name = first && !ops.op(first.producer?.op ?? '')?.view ? stateOf.get(first) : undefined;
      if (name === undefined) throw broken('INFC2028', 'what it overwrites is not the contents of a state', node);
      for (const [v, of] of stateOf) if (of === name) stale.set(v, node);
      stateOf.set(out, name);
    } else if (first && ops.op(node.op)?.view) {
      const name = stateOf.get(first);
      if (name !== undefined) stateOf.set(out, name);
    }
  }
}

/** Symbols of data-dependent dims carry the node that binds them. */
const isBoundByRun = (symbol: string): boolean => symbol.includes('@');

function eachValue(graph: Graph, visit: (v: Value) => void): void {
  for (const node of graph.nodes) {
    node.outputs.forEach(visit);
    for (const body of bodies(node)) eachValue(body, visit);
  }
}

function bodies(node: Node): Graph[] {
  return Object.values(node.attrs).flatMap((a) =>
    a instanceof Graph ? [a] : Array.isArray(a) ? a.filter((x): x is Graph => x instanceof Graph) : [],
  );
}

/**
 * Checks the rules every graph keeps: each value has one producer and is defined before it is used (bodies see the values around them),
 * use lists match the edges, ops are known, and the types a node declares are those its op infers. Throws INFC202x naming the node.
 */
export function verifyGraph(graph: Graph, ops: OpTable): void {
  const uses = new Map<Value, Map<Node, number>>();
  const seen = new Set<Value>();
  verifyBody(graph, ops, new Set(), seen, uses);
  for (const [value, users] of uses) {
    for (const [node, count] of users) {
      const listed = value.uses.filter((u) => u === node).length;
      if (listed !== count)
        throw broken('INFC2023', `value '${value.name}' lists ${listed} uses by this node, which has ${count}`, node);
    }
  }
  for (const value of seen)
    for (const user of value.uses)
      if (!uses.get(value)?.has(user))
        throw broken('INFC2023', `value '${value.name}' lists a use by a node that does not read it`, user);
}

function verifyBody(
  graph: Graph,
  ops: OpTable,
  outer: ReadonlySet<Value>,
  seen: Set<Value>,
  uses: Map<Value, Map<Node, number>>,
): void {
  const visible = new Set(outer);
  const define = (v: Value, node?: Node): void => {
    if (seen.has(v)) throw broken('INFC2021', `value '${v.name}' is defined twice`, node);
    seen.add(v);
    visible.add(v);
  };
  for (const v of graph.inputs) define(v);
  for (const node of graph.nodes) {
    for (const v of node.inputs) {
      if (!v) continue;
      if (!v.constant && !visible.has(v))
        throw broken('INFC2022', `input '${v.name}' is not defined before the node in graph '${graph.name}'`, node);
      seen.add(v);
      const users = uses.get(v) ?? new Map<Node, number>();
      users.set(node, (users.get(node) ?? 0) + 1);
      uses.set(v, users);
    }
    for (const body of bodies(node)) verifyBody(body, ops, visible, seen, uses);
    for (const v of node.outputs) {
      if (v.producer !== node) throw broken('INFC2021', `output '${v.name}' names another producer`, node);
      define(v, node);
    }
    verifyTypes(node, ops);
  }
  for (const v of graph.outputs)
    if (!v.constant && !visible.has(v))
      throw broken('INFC2022', `output '${v.name}' of graph '${graph.name}' is not defined in it`);
}

function verifyTypes(node: Node, ops: OpTable): void {
  const def = ops.op(node.op);
  if (!def) throw broken('INFC2024', `op '${node.op}' is not registered`, node);
  const inferred = def.infer(inferContext(node.op, node.inputs, node.attrs, node.source));
  const types: readonly TensorType[] = Array.isArray(inferred) ? inferred : [inferred as TensorType];
  if (types.length !== node.outputs.length)
    throw broken('INFC2025', `${node.op} has ${node.outputs.length} outputs, its op infers ${types.length}`, node);
  node.outputs.forEach((v, i) => {
    const t = types[i];
    if (t && !sameType(t, v.type))
      throw broken('INFC2025', `output '${v.name}' is ${formatType(v.type)}, ${node.op} infers ${formatType(t)}`, node);
  });
}

/** Equal as far as can be proven: a pass may know a dim by another expression than inference does. */
const sameType = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype &&
  a.container === b.container &&
  a.unranked === b.unranked &&
  a.shape.length === b.shape.length &&
  a.shape.every((d, i) => mayEqual(d, b.shape[i] ?? 0));

const mayEqual = (a: Dim, b: Dim): boolean => formatDim(a) === formatDim(b) || equals(a, b) !== false;

const broken = (code: string, reason: string, node?: Node): InfcError =>
  new InfcError(code, reason, {
    ...(node ? { node: node.source.name } : {}),
    fix: 'A pass or importer built a malformed graph: report this with the model',
  });
