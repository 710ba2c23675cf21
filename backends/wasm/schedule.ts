import type { Block, Machine, MStmt, Val } from './mir.ts';

/** A place for a value: before statement `index` of `block` (the end of the block when past the last). */
interface Place {
  readonly block: Block;
  readonly index: number;
}

/** Which values are computed before each statement, in order, and which of them need a local. */
export interface Schedule {
  /** Values to put into locals before statement `index` of a block. */
  readonly before: ReadonlyMap<Block, ReadonlyMap<number, readonly Val[]>>;
  /** Values to compute in place, where their only user is. */
  readonly inline: ReadonlySet<Val>;
}

/** Values without code of their own: locals and scalar constants are read where they are used. */
export const isTrivial = (v: Val): boolean =>
  v.op === 'local' || v.op === 'i32.const' || v.op === 'i64.const' || v.op === 'f32.const' || v.op === 'f64.const';

interface Use {
  readonly place: Place;
  readonly user: Val | MStmt;
}

/**
 * Global code motion after Click (1995): each value is computed in the block closest to its uses that lies in the fewest loops,
 * no earlier than its operands allow; values that may trap stay in the block they were created in.
 */
export function schedule(m: Machine): Schedule {
  const parents = new Map<Block, Place>();
  const uses = new Map<Val, Use[]>();
  const use = (v: Val, place: Place, user: Val | MStmt) => {
    const list = uses.get(v);
    if (list) list.push({ place, user });
    else uses.set(v, [{ place, user }]);
  };
  const walk = (b: Block) => {
    b.stmts.forEach((s, index) => {
      const here = { block: b, index };
      switch (s.kind) {
        case 'set':
          use(s.value, here, s);
          break;
        case 'store':
          use(s.address, here, s);
          use(s.value, here, s);
          break;
        case 'if':
          use(s.condition, here, s);
          for (const inner of [s.body, s.otherwise]) {
            parents.set(inner, here);
            walk(inner);
          }
          break;
        case 'do': {
          for (const i of s.inits) use(i.value, here, s);
          const end = { block: s.body, index: s.body.stmts.length };
          use(s.step, end, s);
          use(s.to, end, s);
          for (const i of s.steps) use(i.by, end, s);
          parents.set(s.body, here);
          walk(s.body);
          break;
        }
      }
    });
  };
  walk(m.entry);

  const before = new Map<Block, Map<number, Val[]>>();
  const inline = new Set<Val>();
  for (let id = m.values.length - 1; id >= 0; id--) {
    const v = m.values[id];
    const list = v && uses.get(v);
    if (!v || !list || isTrivial(v)) continue;
    const place = placeOf(v, list, parents);
    const only = list.length === 1 ? list[0] : undefined;
    if (only && only.place.block === place.block && only.place.index === place.index) {
      inline.add(v);
    } else {
      let byIndex = before.get(place.block);
      if (!byIndex) before.set(place.block, (byIndex = new Map()));
      const at = byIndex.get(place.index);
      if (at) at.push(v);
      else byIndex.set(place.index, [v]);
    }
    for (const a of v.args) use(a, place, v);
  }
  for (const byIndex of before.values()) for (const list of byIndex.values()) list.reverse();
  return { before, inline };
}

function placeOf(v: Val, list: readonly Use[], parents: ReadonlyMap<Block, Place>): Place {
  let target = v.block;
  if (!v.pinned) {
    let common = list[0]?.place.block;
    for (const u of list) common = common && ancestor(common, u.place.block, parents);
    let best = common ?? v.block;
    for (let b: Block | undefined = best; b; b = b.parent) {
      if (b.loops < best.loops) best = b;
      if (b === v.block) break;
    }
    target = best;
  }
  let index = Number.POSITIVE_INFINITY;
  for (const u of list) index = Math.min(index, within(u.place, target, parents));
  return { block: target, index };
}

function ancestor(a: Block, b: Block, parents: ReadonlyMap<Block, Place>): Block {
  let x = a;
  let y = b;
  while (x !== y) {
    const deeper = x.depth >= y.depth ? x : y;
    const up = parents.get(deeper)?.block;
    if (!up) return deeper;
    if (deeper === x) x = up;
    else y = up;
  }
  return x;
}

/** Index of the statement of `target` that holds `place`. */
function within(place: Place, target: Block, parents: ReadonlyMap<Block, Place>): number {
  let at = place;
  while (at.block !== target) {
    const up = parents.get(at.block);
    if (!up) return 0;
    at = up;
  }
  return at.index;
}
