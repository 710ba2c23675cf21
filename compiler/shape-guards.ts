import { add, collectSyms, type Dim, equals, formatDim, lessThan } from './ir/dim.ts';
import type { Graph, Node } from './ir/graph.ts';
import type { OpTable } from './ir/graph-builder.ts';
import { dimAttr } from './ops/shapes.ts';
import type { EntrySchedule } from './plan/schedule.ts';

type Guard = EntrySchedule['guards'][number];

/**
 * Equalities of dims that the shapes of a graph rest on and that hold for some sizes only: `[n] + [2]` was typed as `[2]`. The runtime
 * checks them when a run's inputs are bound, so that a run they do not hold for is refused instead of computed wrongly. Dims that only
 * the run decides, and bodies that may not run, are left out.
 */
export function shapeGuards(graph: Graph, ops: OpTable): Guard[] {
  const guards = new Map<string, Guard>();
  const need = (a: Dim | undefined, b: Dim | undefined, node: Node): void => {
    // Dims that never agree were typed as if they did: such a graph works for no size, and every run says so.
    if (a === undefined || b === undefined || a === b || equals(a, b) === true) return;
    const late = [a, b].some((d) => [...collectSyms(d).keys()].some((name) => name.includes('@')));
    const text = `${formatDim(a)} = ${formatDim(b)}`;
    if (!late && !guards.has(text))
      guards.set(text, { condition: { kind: 'eq', a, b }, why: `'${node.source.name}' (${node.op}) needs ${text}` });
  };
  /** Every dim of `shape` equals the one it lines up with, or is 1. */
  const broadcasts = (shape: readonly Dim[], to: readonly Dim[], node: Node): void =>
    shape.forEach((d, i) => {
      if (d !== 1) need(d, to[to.length - shape.length + i], node);
    });
  for (const node of graph.nodes) {
    const out = node.outputs[0]?.type.shape;
    if (!out || node.outputs[0]?.type.container) continue;
    const shapes = node.inputs.flatMap((v) => (v && !v.type.container ? [v.type.shape] : []));
    if (ops.op(node.op)?.scalar || node.op === 'expand') for (const s of shapes) broadcasts(s, out, node);
    else if (node.op === 'matmul' || node.op === 'matmul_integer') {
      const [a = [], b = []] = shapes;
      need(a.at(node.attrs.transposeA ? -2 : -1), b.at(node.attrs.transposeB ? -1 : -2), node);
      broadcasts(a.slice(0, -2), out.slice(0, -2), node);
      broadcasts(b.slice(0, -2), out.slice(0, -2), node);
    } else if (node.op === 'state_write') {
      const axis = Number(node.attrs.axis ?? 0);
      const rows = shapes[1]?.[axis] ?? 1;
      const ring = Number(node.attrs.ring ?? 0);
      const end = ring > 0 ? rows : add(dimAttr(node.attrs, 'at', 0), rows);
      const room = ring > 0 ? ring : (out[axis] ?? 1);
      const text = `${formatDim(end)} <= ${formatDim(room)}`;
      if (lessThan(room, end) !== false && !guards.has(text))
        guards.set(text, {
          condition: { kind: 'le', a: end, b: room },
          why: `the state holds ${formatDim(room)} rows along its axis ${axis}`,
        });
    } else if (node.op === 'concat') {
      for (const s of shapes)
        s.forEach((d, axis) => {
          if (axis !== node.attrs.axis) need(d, out[axis], node);
        });
    }
  }
  return [...guards.values()];
}
