import { type Attribute, type Attributes, Graph, type Program, type Value } from './graph.ts';

/** A program that can be transformed without changing the given one. Constants are shared. */
export function cloneProgram(program: Program): Program {
  return {
    ...program,
    entries: new Map([...program.entries].map(([name, graph]) => [name, cloneGraph(graph, new Map())])),
    states: [...program.states],
    symbols: new Map(program.symbols),
  };
}

/** Copies a graph and its bodies; `values` maps the values of the graphs around it. */
function cloneGraph(graph: Graph, values: Map<Value, Value>): Graph {
  const copy = new Graph(graph.name);
  const same = (from: Value, to: Value): void => {
    to.name = from.name;
    to.known = from.known;
    values.set(from, to);
  };
  copy.given.push(...graph.given);
  for (const v of graph.inputs) same(v, copy.input(v.name, v.type));
  const map = (v: Value): Value => {
    const known = values.get(v);
    if (known) return known;
    if (!v.constant) throw new RangeError(`value '${v.name}' is used before it is made`);
    const made = copy.constant(v.constant);
    same(v, made);
    return made;
  };
  for (const node of graph.nodes) {
    const attrs: Attributes = Object.fromEntries(
      Object.entries(node.attrs).map(([k, a]) => [k, cloneAttribute(a, values)]),
    );
    const inputs = node.inputs.map((v) => (v ? map(v) : null));
    const types = node.outputs.map((o) => o.type);
    const made = copy.node(node.op, inputs, attrs, types, node.source);
    node.outputs.forEach((o, i) => {
      const to = made.outputs[i];
      if (to) same(o, to);
    });
  }
  copy.outputs = graph.outputs.map(map);
  return copy;
}

function cloneAttribute(a: Attribute, values: Map<Value, Value>): Attribute {
  if (a instanceof Graph) return cloneGraph(a, values);
  return Array.isArray(a) ? a.map((x: Attribute) => cloneAttribute(x, values)) : a;
}
