import { type Dim, equals, product, sub, sym } from '../../compiler/ir/dim.ts';
import { bitsOf } from '../../compiler/ir/dtype.ts';
import { type Expr, type Fold, transcendentalOps } from '../../compiler/ir/expr.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import type { OpTable } from '../../compiler/ir/graph-builder.ts';
import { KernelBuilder, visitExpr } from '../../compiler/ir/kernel-builder.ts';
import { isBlockwise } from '../../compiler/lower/concat.ts';
import { ElementEvaluator, elementsOf, ravel } from '../../compiler/lower/element.ts';
import { guess, type Region } from '../../compiler/lower/region.ts';

/** What region forming must know about a target. */
export interface FusionRules {
  readonly ops: OpTable;
  /** Whether a template schedules this node. */
  isAnchor(node: Node): boolean;
  /** Whether the node runs as a kernel at all (not on the host). */
  isKernel(node: Node): boolean;
  /** Buffers one kernel may bind. */
  readonly maxBuffers?: number;
}

/** How often a node reads each input per output element, and what it costs to compute again. */
interface Shape {
  readonly reads: ReadonlyMap<Value, number>;
  readonly hasFold: boolean;
  /** Inputs of the output's shape that are read at the output's own coordinates only. */
  readonly aligned: ReadonlySet<Value>;
  /** Rough operations per element, folds counted in full. */
  readonly cost: number;
  readonly isMovement: boolean;
}

/** Nodes in one region at most: larger expressions compile slowly and gain nothing. */
const MOST_NODES = 48;
/** Extra operations per element that fusing a producer into several readers may cost. */
const RECOMPUTE_BUDGET = 6;

/**
 * Groups nodes into regions, last node first. A region grows upwards by producers whose every use is inside it, so no cycle can arise:
 * elementwise chains, movement, one reduction or normalisation with its epilogue, and at most one anchor with its epilogue.
 * Views that are not swallowed become aliases; what does not run as a kernel stays alone.
 */
export function formRegions(graph: Graph, rules: FusionRules): Region[] {
  const owner = new Map<Node, Node>();
  const regions: Region[] = [];
  const shapes = new Map<Node, Shape>();
  const shapeOf = (node: Node): Shape => {
    let s = shapes.get(node);
    if (!s) {
      s = describe(node, rules.ops);
      shapes.set(node, s);
    }
    return s;
  };
  const here = new Set(graph.nodes);
  const order = new Map(graph.nodes.map((n, i) => [n, i]));
  const overwritten = overwrites(graph, rules.ops);
  const outputs = new Set(graph.outputs);
  for (const root of [...graph.nodes].reverse()) {
    if (owner.has(root)) continue;
    owner.set(root, root);
    const output = root.outputs[0];
    if (!output) continue;
    const fusible = rules.isKernel(root) && root.outputs.length === 1;
    const isView = rules.ops.op(root.op)?.view === true;
    let anchor = rules.isAnchor(root) ? root : undefined;
    const members = new Set<Node>([root]);
    if (fusible && !anchor && !isView) {
      // How often each member's element is computed per region output element.
      const times = new Map<Node, number>([[root, 1]]);
      let hasFold = shapeOf(root).hasFold;
      const at = order.get(root) ?? 0;
      // Of a state only the update is computed.
      const target = root.op === 'state_write' ? (root.inputs[1] ?? output) : output;
      /** Tries to take the producer of `v` in. */
      const absorb = (v: Value): boolean => {
        const p = v.producer;
        if (!p || owner.has(p) || members.size >= MOST_NODES || p.outputs.length !== 1 || !rules.isKernel(p))
          return false;
        if (p.op === 'state_write' || p.inputs.some((i) => i && (overwritten.get(i) ?? at + 1) <= at)) return false;
        // A template reads what its anchor uses from memory.
        if (!here.has(p) || outputs.has(v) || !v.uses.every((u) => members.has(u) && u !== anchor)) return false;
        if (rules.maxBuffers !== undefined && buffersOf([...members, p]) > rules.maxBuffers) return false;
        const sameElements = elementsOf(v.type) === elementsOf(target.type);
        if (rules.isAnchor(p)) {
          // The accumulator is handed to the epilogue at its own coordinates: only elementwise ops in between.
          if (anchor || hasFold || !sameElements || ![...members].every((m) => isElementwise(m, v, members, shapeOf)))
            return false;
          anchor = p;
        } else {
          const q = shapeOf(p);
          const total = v.uses.reduce((most, u) => {
            const reads = (shapeOf(u).reads.get(v) ?? 1) * (guessElements(u.outputs[0] ?? v) / guessElements(v));
            return Math.max(most, (times.get(u) ?? 1) * reads);
          }, 0);
          if (q.hasFold && (hasFold || total > 1.01 || !sameElements)) return false;
          if (!q.isMovement && (total - 1) * q.cost > RECOMPUTE_BUDGET) return false;
          if (q.isMovement && total > 4 && q.cost > 0) return false;
          if (isBlockwise(p.op) && guessElements(v) > 64) return false;
          hasFold ||= q.hasFold;
          times.set(p, Math.max(1, total));
        }
        members.add(p);
        owner.set(p, root);
        return true;
      };
      for (let grown = true; grown; ) {
        grown = false;
        for (const m of members) {
          if (m === anchor) continue;
          for (const v of m.inputs) if (v && absorb(v)) grown = true;
        }
      }
    }
    const nodes = graph.nodes.filter((n) => members.has(n));
    regions.push({ nodes, output, ...(anchor ? { anchor } : {}) });
  }
  return regions.reverse();
}

/**
 * Position of the node that overwrites each value which is (a view of) the contents of a state: who reads the value must run before, so
 * it may not join a region that runs later.
 */
function overwrites(graph: Graph, ops: OpTable): Map<Value, number> {
  const stateOf = new Map<Value, string>();
  const at = new Map<Value, number>();
  graph.nodes.forEach((node, i) => {
    const [first] = node.inputs;
    const [out] = node.outputs;
    if (!out) return;
    if (node.op === 'state_read') stateOf.set(out, String(node.attrs.state));
    const name = first ? stateOf.get(first) : undefined;
    if (name === undefined) return;
    if (node.op === 'state_write') for (const [v, of] of stateOf) if (of === name && !at.has(v)) at.set(v, i);
    if (node.op === 'state_write' || ops.op(node.op)?.view) stateOf.set(out, name);
  });
  return at;
}

/** Whether member `m` either does not depend on `v` inside the region or reads it elementwise at its own coordinates. */
function isElementwise(m: Node, v: Value, members: ReadonlySet<Node>, shapeOf: (n: Node) => Shape): boolean {
  const depends = (i: Value | null): boolean =>
    i === v || (i?.producer !== undefined && members.has(i.producer) && i.producer.inputs.some(depends));
  return m.inputs.every((i) => !i || !depends(i) || shapeOf(m).aligned.has(i));
}

/** Values that a region of these nodes reads from outside, and its output. */
function buffersOf(nodes: readonly Node[]): number {
  const made = new Set(nodes.flatMap((n) => n.outputs));
  return new Set(nodes.flatMap((n) => n.inputs.filter((v) => v && !made.has(v)))).size + 1;
}

const sameDims = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

const guessElements = (v: Value): number => Math.max(1, guess(product(v.type.shape)));

/** Builds the element expression of one node alone and counts reads, folds and operations. */
function describe(node: Node, ops: OpTable): Shape {
  const output = node.outputs[0];
  const op = ops.op(node.op);
  const reads = new Map<Value, number>();
  if (output && isBlockwise(node.op)) {
    for (const v of node.inputs) if (v) reads.set(v, guessElements(v) / guessElements(output));
    return { reads, hasFold: false, aligned: new Set(), cost: 1, isMovement: true };
  }
  if (!output || !op || (!op.scalar && !op.element && !op.view))
    return { reads, hasFold: true, aligned: new Set(), cost: Number.POSITIVE_INFINITY, isMovement: false };
  const k = new KernelBuilder('describe', 'simd', 1, [1, 1, 1]);
  const owners = new Map<Expr, Value>();
  const coords = output.type.shape.map((d, i) => (d === 1 ? 0 : sym(`c${i}`, { max: sub(d, 1) })));
  const own = ravel(coords, output.type.shape);
  const elsewhere = new Set<Value>();
  const evaluator = new ElementEvaluator(ops, {
    read: (value, position) => {
      const e = k.load(
        {
          name: `v${value.id}`,
          storage: value.type.dtype,
          space: 'global',
          access: 'read',
          elements: elementsOf(value.type),
        },
        position,
      );
      owners.set(e, value);
      if (!sameDims(value.type.shape, output.type.shape) || equals(position, own) !== true) elsewhere.add(value);
      return e;
    },
    isInside: (v) => v.producer === node,
    typeOf: (v) => v.type,
  });
  const e = evaluator.at(output, coords);
  let hasFold = false;
  let cost = 0;
  let arithmetic = false;
  const seen = new Set<Expr>();
  const visit = (x: Expr, weight: number): void => {
    if (seen.has(x)) return;
    seen.add(x);
    const n = x.node;
    const value = owners.get(x);
    if (value) reads.set(value, (reads.get(value) ?? 0) + weight);
    let inner = weight;
    if (n.kind === 'foldResult') {
      hasFold = true;
      inner = weight * trips(n.fold);
    } else if (n.kind === 'unary') {
      cost += weight * (HEAVY.has(n.op) ? 12 : 1);
      arithmetic = true;
    } else if (n.kind === 'binary' || n.kind === 'fma' || n.kind === 'select') {
      cost += weight * (n.kind === 'binary' && (n.op === 'pow' || n.op === 'div' || n.op === 'rem') ? 6 : 1);
      arithmetic = true;
    } else if (n.kind === 'guard') cost += weight;
    visitExpr(
      x,
      (y) => visit(y, inner),
      () => {},
    );
  };
  visit(e, 1);
  for (const definition of evaluator.indices.values()) visit(definition, 1);
  return {
    reads,
    hasFold,
    aligned: new Set(hasFold ? [] : [...reads.keys()].filter((v) => !elsewhere.has(v))),
    cost: bitsOf[output.type.dtype] === 0 ? Number.POSITIVE_INFINITY : cost,
    isMovement: !arithmetic && !hasFold,
  };
}

const trips = (f: Fold): number => f.loops.reduce((n, l) => n * Math.max(1, guess(l.extent)), 1);
const HEAVY: ReadonlySet<string> = new Set([...transcendentalOps, 'sqrt']);
