import {
  type Attribute,
  type Attributes,
  Graph,
  type Node,
  type TensorType,
  type Value,
} from '../compiler/ir/graph.ts';
import { GraphBuilder } from '../compiler/ir/graph-builder.ts';
import type { PassContext } from './pass.ts';
import { builderAt } from './pass.ts';

/** What a rewrite's condition and replacement may ask about the match. */
export interface Match {
  readonly holes: Readonly<Record<string, Value>>;
  /** Attributes of the matched root. */
  readonly attrs: Attributes;
  readonly root: Node;
}

/**
 * `from` and `to` are both graph-building functions over named holes: one generic property test instantiates both with random
 * tensors of the `sample` types and compares their values, so a rewrite is proven the moment it is written. A hole that `from` uses
 * twice must match the same value; constants inside `from` match constants with the same contents; attributes must be equal.
 */
export interface Rewrite {
  readonly name: string;
  readonly holes: readonly string[];
  from(b: GraphBuilder, holes: Readonly<Record<string, Value>>): Value;
  where?(match: Match): boolean;
  to(b: GraphBuilder, holes: Readonly<Record<string, Value>>, match: Match): Value;
  /** Types of the holes with which the pattern is built and the property test tries the rewrite. */
  readonly sample: readonly Readonly<Record<string, TensorType>>[];
}

export const rewrite = (r: Rewrite): Rewrite => r;

interface Pattern {
  readonly rewrite: Rewrite;
  readonly root: Value;
  readonly holes: ReadonlyMap<Value, string>;
}

/** Builds the `from` side once per sample: it is the pattern. */
function patterns(r: Rewrite, context: PassContext): Pattern[] {
  return r.sample.map((types) => {
    const graph = new Graph(r.name);
    const holes: Record<string, Value> = {};
    const names = new Map<Value, string>();
    for (const h of r.holes) {
      const t = types[h];
      if (!t) throw new TypeError(`rewrite '${r.name}': sample lacks hole '${h}'`);
      const v = graph.input(h, t);
      holes[h] = v;
      names.set(v, h);
    }
    const root = r.from(new GraphBuilder(graph, context.ops, { name: r.name, op: 'pattern' }), holes);
    return { rewrite: r, root, holes: names };
  });
}

/** Applies rewrites wherever they match until nothing changes; every match replaces one value. */
export function applyRewrites(graph: Graph, rewrites: readonly Rewrite[], context: PassContext): void {
  const byOp = new Map<string, Pattern[]>();
  for (const r of rewrites) {
    for (const p of patterns(r, context)) {
      const op = p.root.producer?.op;
      if (op === undefined) continue;
      const list = byOp.get(op) ?? [];
      list.push(p);
      byOp.set(op, list);
    }
  }
  for (let round = 0; round < 16; round++) {
    let changed = false;
    for (const node of [...graph.nodes]) {
      if (!graph.nodes.includes(node)) continue;
      for (const p of byOp.get(node.op) ?? []) {
        const out = node.outputs[0];
        if (!out || (out.uses.length === 0 && !graph.outputs.includes(out))) continue;
        const bound = new Map<string, Value>();
        if (!matches(p, p.root, out, bound)) continue;
        const match: Match = { holes: Object.fromEntries(bound), attrs: node.attrs, root: node };
        if (p.rewrite.where && !p.rewrite.where(match)) continue;
        const made = p.rewrite.to(builderAt(graph, node, context), match.holes, match);
        graph.replaceUses(out, made);
        context.changed(node, p.rewrite.name);
        changed = true;
        break;
      }
    }
    if (!changed) return;
  }
}

function matches(p: Pattern, pattern: Value, value: Value, bound: Map<string, Value>): boolean {
  const hole = p.holes.get(pattern);
  if (hole !== undefined) {
    const old = bound.get(hole);
    if (old !== undefined) return old === value;
    bound.set(hole, value);
    return true;
  }
  if (pattern.constant) return value.constant !== undefined && sameBytes(pattern, value);
  const a = pattern.producer;
  const b = value.producer;
  if (!a || !b || a.op !== b.op || a.inputs.length !== b.inputs.length) return false;
  if (a.outputs.indexOf(pattern) !== b.outputs.indexOf(value)) return false;
  if (!Object.keys({ ...a.attrs, ...b.attrs }).every((k) => sameAttribute(a.attrs[k], b.attrs[k]))) return false;
  return a.inputs.every((x, i) => {
    const y = b.inputs[i];
    return x && y ? matches(p, x, y, bound) : !x && !y;
  });
}

function sameBytes(a: Value, b: Value): boolean {
  if (!a.constant || !b.constant || a.type.dtype !== b.type.dtype || a.constant.bytes !== b.constant.bytes)
    return false;
  if (a.constant.bytes > 64) return false;
  const x = a.constant.read();
  const y = b.constant.read();
  return x.every((v, i) => v === y[i]);
}

/** Structural equality of attributes; graphs and constants by identity. */
export function sameAttribute(a: Attribute, b: Attribute): boolean {
  if (a === b) return true;
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x, i) => sameAttribute(x, b[i]));
}
