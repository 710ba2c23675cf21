import { add, type Dim, max as dimMax, mod, sub } from '../../compiler/ir/dim.ts';
import { constant, dimValue, type Expr } from '../../compiler/ir/expr.ts';
import type { Node } from '../../compiler/ir/graph.ts';
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
  /** Rows of the cache. */
  readonly rows: number;
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
  const [kvHeads, rows, depth] = k?.type.shape ?? [];
  const width = v?.type.shape[2];
  if (q?.type.dtype !== 'f32' || node.outputs[0]?.type.dtype !== 'f32') return undefined;
  const [keyGroups, valueGroups] = [k, v].map((codes, i) => {
    const groups = Number(node.inputs[3 + i]?.type.shape[2] ?? 0);
    if (codes?.type.dtype === 'f32') return 0;
    return codes?.type.dtype === 'i8' && Number.isInteger(Number(codes.type.shape[2]) / groups) ? groups : -1;
  });
  if (keyGroups === undefined || valueGroups === undefined || keyGroups < 0 || valueGroups < 0) return undefined;
  if (typeof heads !== 'number' || typeof kvHeads !== 'number' || typeof rows !== 'number') return undefined;
  if (typeof depth !== 'number' || typeof width !== 'number') return undefined;
  const [ring = 0, sinks = 0, window = 0, softCap = 0] = ['ring', 'sinks', 'window', 'softCap'].map((name) =>
    numberAttr(node.attrs, name, 0),
  );
  const past = dimAttr(node.attrs, 'past', 0);
  const scale = numberAttr(node.attrs, 'scale', 1);
  const group = heads / kvHeads;
  return {
    ...{ seq, past, heads, kvHeads, group, depth, width, rows, ring, sinks, window, scale, softCap },
    ...{ keyGroups, valueGroups },
  };
}

/** The position that is in each row of a ring now: see slotOf of compiler/ops/state.ts. */
export function positionIn({ past, seq, ring, sinks }: AttentionSizes, slot: Expr): Expr {
  const newest = sub(add(past, seq), 1);
  const row = dimValue(sinks > 0 ? add(sinks, mod(dimMax(sub(newest, sinks), 0), ring)) : mod(newest, ring));
  const turned = slot.add(dimValue(newest).sub(row)).sub(slot.gt(row).select(constant('i32', ring), 0));
  return sinks > 0 ? slot.lt(sinks).select(slot, turned) : turned;
}
