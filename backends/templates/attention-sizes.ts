import { add, type Dim, max as dimMax, mod, sub } from '../../compiler/ir/dim.ts';
import { constant, dimValue, type Expr } from '../../compiler/ir/expr.ts';
import type { Node } from '../../compiler/ir/graph.ts';
import type { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import type { TemplateRequest } from '../../compiler/lower/template.ts';
import { dimAttr, numberAttr } from '../../compiler/ops/shapes.ts';

/** What a template of `cached_attention` needs to know of a node; see compiler/ops/cached-attention.ts. */
export interface AttentionSizes {
  readonly seq: Dim;
  readonly past: Dim;
  readonly heads: number;
  readonly kvHeads: number;
  /** Heads that share keys. */
  readonly group: number;
  /** Elements of a key and of a value. */
  readonly depth: number;
  readonly width: number;
  /** Rows of a head that are the sequence's, the first of them, and all that the cache has. */
  readonly rows: number;
  readonly first: Dim;
  readonly stride: number;
  /** Each query belongs to a sequence of its own. */
  readonly apart: boolean;
  readonly ring: number;
  readonly sinks: number;
  readonly window: number;
  readonly scale: number;
  readonly softCap: number;
  /** Scales in each row of keys and of values, when these are 8-bit codes. */
  readonly keyGroups: number;
  readonly valueGroups: number;
}

/** Sizes of a node in f32 over a cache of f32 or of codes; undefined when some of them only the run knows. */
export function attentionSizes(node: Node): AttentionSizes | undefined {
  const [q, k, v] = node.inputs;
  const [, seq = 1, heads] = q?.type.shape ?? [];
  const [kvHeads, stride, depth] = k?.type.shape ?? [];
  const width = v?.type.shape[2];
  if (q?.type.dtype !== 'f32' || node.outputs[0]?.type.dtype !== 'f32') return undefined;
  const [keyGroups, valueGroups] = [k, v].map((codes, i) => {
    const groups = Number(node.inputs[3 + i]?.type.shape[2] ?? 0);
    if (codes?.type.dtype === 'f32') return 0;
    return codes?.type.dtype === 'i8' && Number.isInteger(Number(codes.type.shape[2]) / groups) ? groups : -1;
  });
  if (keyGroups === undefined || valueGroups === undefined || keyGroups < 0 || valueGroups < 0) return undefined;
  if (typeof heads !== 'number' || typeof kvHeads !== 'number' || typeof stride !== 'number') return undefined;
  if (typeof depth !== 'number' || typeof width !== 'number') return undefined;
  const [ring = 0, sinks = 0, window = 0, softCap = 0] = ['ring', 'sinks', 'window', 'softCap'].map((name) =>
    numberAttr(node.attrs, name, 0),
  );
  const past = dimAttr(node.attrs, 'past', 0);
  const scale = numberAttr(node.attrs, 'scale', 1);
  const group = heads / kvHeads;
  const rows = numberAttr(node.attrs, 'rows', stride);
  const first = dimAttr(node.attrs, 'first', 0);
  const apart = !!node.inputs[5];
  return {
    ...{ seq, past, heads, kvHeads, group, depth, width, rows, ring, sinks, window, scale, softCap },
    ...{ keyGroups, valueGroups, stride, first, apart },
  };
}

/** What the query `token` of a run sees: rows from `first` on; it is query `token` of `seq` after `past` positions. */
export interface Place {
  readonly first: Dim;
  readonly token: Dim;
  readonly past: Dim;
  readonly seq: Dim;
}

/** Where a query's sequence is: the same for all, or read from the node's inputs, where it is the only one of its run. */
export function placeOf(request: TemplateRequest, k: KernelBuilder, s: AttentionSizes, token: Dim): Place {
  const [positions, firsts] = request.anchor.inputs.slice(5);
  if (!positions || !firsts) return { first: s.first, token, past: s.past, seq: s.seq };
  const read = (from: typeof positions, max: number, hint: string): Dim =>
    k.index(k.load(request.bind(k, from), token).cast('i32').max(0).min(max), { min: 0, max }, hint);
  return {
    first: read(firsts, s.stride - s.rows, 'first'),
    token: 0,
    past: read(positions, s.ring > 0 ? 2147483646 : s.rows - 1, 'past'),
    seq: 1,
  };
}

/** The position that is in each row of a ring now: see slotOf of compiler/ops/state.ts. */
export function positionIn({ ring, sinks }: AttentionSizes, { past, seq }: Place, slot: Expr): Expr {
  const newest = sub(add(past, seq), 1);
  const row = dimValue(sinks > 0 ? add(sinks, mod(dimMax(sub(newest, sinks), 0), ring)) : mod(newest, ring));
  const turned = slot.add(dimValue(newest).sub(row)).sub(slot.gt(row).select(constant('i32', ring), 0));
  return sinks > 0 ? slot.lt(sinks).select(slot, turned) : turned;
}
