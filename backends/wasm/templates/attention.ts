import {
  add,
  ceilDiv,
  type Dim,
  max as dimMax,
  min as dimMin,
  floorDiv,
  isMultipleOf,
  mod,
  mul,
  sub,
} from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr, pack } from '../../../compiler/ir/expr.ts';
import type { Node, Value } from '../../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type LoweredKernel, type TemplateRequest } from '../../../compiler/lower/template.ts';
import {
  type AttentionSizes,
  attentionSizes,
  type Place,
  placeOf,
  positionIn,
} from '../../templates/attention-sizes.ts';

/** Keys handled at a time: their scores, and their rows of K and V, stay in the first-level cache. */
const BLOCK = 64;
/**
 * The same for one query, which reads their keys and values in order before it works on them: they come from memory, and processors fetch ahead
 * what is read in order, not what the products do, which jump between rows (170 keys of 64 floats: 53 us, then 37). They stay in the
 * second-level cache.
 */
const SPAN = 256;
/** Floats of a cache line. */
const LINE = 16;
/** Least rows (queries times heads that share keys) of a work item of many tokens: each key is read once for all of them. */
const ROWS = 12;
/** Below any score, but finite, so that differences are. */
const LOWEST = -1e30;

/** Sizes of nodes that this template takes: whole vectors in every row. */
function sizesOf(node: Node): AttentionSizes | undefined {
  const s = attentionSizes(node);
  const whole = (size: number, groups: number): boolean => Number.isInteger(size / 4 / (groups || 1));
  return s && whole(s.depth, s.keyGroups) && whole(s.width, s.valueGroups) ? s : undefined;
}

/**
 * Attention in one pass over the cache (online softmax: Milakov and Gimelshein 2018, Dao et al. 2022). A work item is a head of keys and a
 * few tokens; its rows are those tokens' queries of all heads that share the keys. For each block of keys: scores, the rows' new maxima,
 * exponentials, and the product with the values added to what earlier blocks gave, rescaled.
 */
class Attention {
  private readonly k: KernelBuilder;
  private readonly tokens: number;
  private readonly rows: number;
  /** Keys handled at a time. */
  private readonly block: number;
  private readonly head: Dim;
  private readonly first: Dim;
  private readonly at: Place;
  private readonly q: Buffer;
  private readonly scores: Buffer;
  private readonly out: Buffer;
  private readonly top: Buffer;
  private readonly total: Buffer;
  private readonly shrink: Buffer;
  private readonly keys: Rows;
  private readonly values: Rows;

  constructor(
    private readonly request: TemplateRequest,
    private readonly s: AttentionSizes,
  ) {
    const { seq, group, kvHeads, depth, width } = s;
    this.tokens = seq === 1 || s.apart ? 1 : Math.ceil(ROWS / group);
    this.rows = this.tokens * group;
    const tiles = ceilDiv(seq, this.tokens);
    this.k = new KernelBuilder(request.name, 'simd', 1, [mul(tiles, kvHeads), 1, 1]);
    const { k } = this;
    // Neighbouring items share keys.
    const item = k.group.x;
    this.head = tiles === 1 ? item : k.index(dimValue(floorDiv(item, tiles)), { min: 0, max: kvHeads - 1 }, 'head');
    this.first =
      tiles === 1
        ? 0
        : k.index(dimValue(mul(sub(item, mul(this.head, tiles)), this.tokens)), { min: 0, max: sub(seq, 1) }, 'first');
    const [q, keys, values, keyScales, valueScales] = request.anchor.inputs;
    if (!q || !keys || !values) throw new TypeError('sizesOf has looked at the inputs');
    this.at = placeOf(request, k, s, this.first);
    this.block = this.tokens === 1 && !keyScales && !valueScales ? SPAN : BLOCK;
    this.keys = rowsOf(request, k, 'keys', keys, keyScales, this.block * depth);
    this.values = rowsOf(request, k, 'values', values, valueScales, this.block * width);
    const queries = request.bind(k, q);
    this.q = k.shared('q', 'f32', this.rows * depth);
    this.scores = k.shared('scores', 'f32', this.rows * this.block);
    this.out = k.shared('out', 'f32', this.rows * width);
    this.top = k.shared('top', 'f32', this.rows);
    this.total = k.shared('total', 'f32', this.rows);
    this.shrink = k.shared('shrink', 'f32', this.rows);
    this.start(queries);
  }

  /** Token of a row within the run; rows past its end repeat the last. */
  private token(row: Dim): Dim {
    if (this.tokens === 1) return this.first;
    const { group, seq } = this.s;
    const token = dimMin(add(this.first, floorDiv(row, group)), sub(seq, 1));
    return this.k.index(dimValue(token), { min: 0, max: sub(seq, 1) }, 'token');
  }

  /** First row of the sequence in the cache of the item's head. */
  private base(): Dim {
    return add(mul(this.head, this.s.stride), this.at.first);
  }

  /** Scaled queries to scratch, nothing seen yet. */
  private start(queries: Buffer): void {
    const { k } = this;
    const { heads, group, depth, width, scale } = this.s;
    k.for(
      0,
      this.rows,
      1,
      (row) => {
        const token = this.token(row);
        const head = add(mul(this.head, group), this.tokens === 1 ? row : mod(row, group));
        const from = k.index(
          dimValue(mul(add(mul(token, heads), head), depth)),
          { min: 0, max: sub(queries.elements, depth) },
          'from',
        );
        k.for(0, depth, 4, (i) =>
          k.store(this.q, add(mul(row, depth), i), k.load(queries, add(from, i), 4).mul(scale)),
        );
        k.for(0, width, 4, (i) => k.store(this.out, add(mul(row, width), i), constant('f32', 0).splat(4)));
        k.store(this.top, row, constant('f32', LOWEST));
        k.store(this.total, row, constant('f32', 0));
      },
      'row',
    );
  }

  build(): LoweredKernel {
    const { k, s } = this;
    const { rows, ring, window, sinks } = s;
    const { past, seq, token } = this.at;
    const end = add(past, seq);
    const mine = dimMin(add(add(past, token), this.tokens), end);
    const last = k.index(dimValue(ring > 0 ? dimMin(end, rows) : mine), { min: 1, max: rows }, 'last');
    // In a ring, and with sinks, any row may hold a position that is seen.
    const skips = window > 0 && ring === 0 && sinks === 0;
    const nearest = dimMax(sub(add(add(past, token), 1), window), 0);
    const from = skips ? k.index(dimValue(mul(floorDiv(nearest, 4), 4)), { min: 0, max: rows - 1 }, 'from') : 0;
    k.for(
      from,
      last,
      this.block,
      (block) => {
        const count = k.index(dimValue(dimMin(sub(last, block), this.block)), { min: 1, max: this.block }, 'count');
        if (this.block === SPAN) this.touch(block, add(block, count));
        this.decode(this.keys, s.depth, s.keyGroups, block, count);
        this.decode(this.values, s.width, s.valueGroups, block, count);
        this.score(block, count);
        k.for(0, this.rows, 1, (row) => this.weigh(row, block, count, last), 'row');
        this.mix(block, count);
      },
      'block',
    );
    this.finish();
    const bytes = (size: number, groups: number): number => (groups > 0 ? size + 4 * groups : 4 * size);
    // Where data says how far, one row at least.
    const seen = s.apart ? 1 : end;
    const cache = mul(seen, s.kvHeads * (bytes(s.depth, s.keyGroups) + bytes(s.width, s.valueGroups)));
    return this.request.close(k, {
      op: this.request.anchor.op,
      sources: [],
      template: '',
      why: '',
      bytes: add(mul(cache, s.apart ? s.seq : 1), mul(s.seq, s.heads * (s.depth + s.width) * 4)),
      flops: mul(mul(s.seq, seen), 2 * s.heads * (s.depth + s.width)),
    });
  }

  /** Rows of a block that are codes become numbers in scratch. */
  private decode({ codes, scales, plain }: Rows, size: number, groups: number, block: Dim, count: Dim): void {
    if (!codes || !scales) return;
    const { k } = this;
    const length = size / groups;
    k.for(
      0,
      count,
      1,
      (j) => {
        const row = add(add(this.base(), block), j);
        for (let g = 0; g < groups; g++) {
          const unit = k.let(k.load(scales, add(mul(row, groups), g)), 'unit');
          k.for(0, length, 4, (i) => {
            const at = add(g * length, i);
            k.store(
              plain,
              add(mul(j, size), at),
              k
                .load(codes, add(mul(row, size), at), 4)
                .cast('f32')
                .mul(unit),
            );
          });
        }
      },
      'decoded',
    );
  }

  /** Reads keys and values in order, a cache line at a time. */
  private touch(from: Dim, to: Dim): void {
    const { k, s } = this;
    const seen = k.var(constant('i32', 0).splat(4), 'seen');
    const touchRow = ({ plain }: Rows, size: number, row: Dim): void => {
      const max = (s.kvHeads * s.stride - 1) * size;
      const start = k.index(dimValue(mul(add(this.base(), row), size)), { min: 0, max }, 'start');
      for (let i = 0; i < size; i += LINE) seen.set(seen.value.or(k.load(plain, add(start, i), 4).bitcast('i32')));
    };
    k.for(from, to, 1, (row) => {
      touchRow(this.keys, s.depth, row);
      touchRow(this.values, s.width, row);
    });
    // Kept, or the loads would not be made; nothing reads it.
    k.store(this.shrink, 0, seen.value.extract(0).bitcast('f32'));
  }

  /** Scores of every row with the keys of a block: four keys and two rows at a time. */
  private score(block: Dim, count: Dim): void {
    const { k, s, rows } = this;
    const { depth } = s;
    // Decoded keys lie in scratch, where a whole block has room; others must not be read past the cache.
    const { codes } = this.keys;
    const aligned = codes !== undefined || isMultipleOf(s.rows, 4);
    k.for(
      0,
      count,
      4,
      (j) => {
        const base = codes ? 0 : this.base();
        const places = [0, 1, 2, 3].map((u) => {
          const row = add(codes ? j : add(block, j), u);
          const inside = aligned || u === 0 ? row : dimMin(row, s.rows - 1);
          return mul(add(base, inside), depth);
        });
        const most = codes ? (this.block - 1) * depth : (s.kvHeads * s.stride - 1) * depth;
        const addresses = places.map((at) => k.index(dimValue(at), { min: 0, max: most }, 'key'));
        const some = (row: Dim, n: number): void => {
          const zero = constant('f32', 0).splat(4);
          const sums = Array.from({ length: n }, () => addresses.map(() => k.var(zero, 'sum')));
          k.for(0, depth, 4, (i) => {
            const keys = addresses.map((at) => k.load(this.keys.plain, add(at, i), 4));
            sums.forEach((list, r) => {
              const q = k.load(this.q, add(mul(add(row, r), depth), i), 4);
              list.forEach((sum, u) => {
                const key = keys[u];
                if (key) sum.set(key.fma(q, sum.value));
              });
            });
          });
          sums.forEach((list, r) => {
            const at = add(mul(add(row, r), this.block), j);
            k.store(this.scores, at, acrossLanes(list.map((sum) => sum.value)));
          });
        };
        const even = rows - (rows % 2);
        if (even > 2) k.for(0, even, 2, (row) => some(row, 2), 'row');
        else if (even === 2) some(0, 2);
        if (rows % 2 === 1) some(even, 1);
      },
      'quad',
    );
  }

  /** A row's scores become the exponentials of their distance to its largest score so far; what it has seen before is rescaled. */
  private weigh(row: Dim, block: Dim, count: Dim, last: Dim): void {
    const { k, s } = this;
    const { window, sinks, softCap, ring } = s;
    const { past } = this.at;
    const position = k.let(dimValue(s.apart ? past : add(past, this.token(row))), 'position');
    const lanes = pack([0, 1, 2, 3].map((i) => constant('i32', i)));
    const least = k.var(constant('f32', LOWEST).splat(4), 'most');
    k.for(0, count, 4, (j) => {
      const at = add(mul(row, this.block), j);
      let score = k.load(this.scores, at, 4);
      if (softCap > 0) score = k.let(score.div(softCap).tanh().mul(softCap));
      const slot = k.let(dimValue(add(block, j)).splat(4).add(lanes), 'slot');
      const holds = ring > 0 ? k.let(positionIn(s, this.at, slot), 'holds') : slot;
      let seen = holds.le(position);
      if (window > 0) {
        const near = holds.gt(position.sub(window));
        seen = seen.and(sinks > 0 ? near.or(slot.lt(sinks)) : near);
      }
      if (ring > 0) seen = seen.and(slot.lt(dimValue(last)));
      const masked = k.let(seen.select(score, constant('f32', Number.NEGATIVE_INFINITY)), 'masked');
      k.store(this.scores, at, masked);
      least.set(least.value.max(masked));
    });
    const before = k.let(k.load(this.top, row), 'before');
    const most = [1, 2, 3].reduce((m, i) => m.max(least.value.extract(i)), least.value.extract(0));
    const top = k.let(before.max(most), 'top');
    const sums = k.var(constant('f32', 0).splat(4), 'sums');
    k.for(0, count, 4, (j) => {
      const at = add(mul(row, this.block), j);
      const weight = k.let(k.load(this.scores, at, 4).sub(top).exp(), 'weight');
      k.store(this.scores, at, weight);
      sums.set(sums.value.add(weight));
    });
    const shrink = k.let(before.sub(top).exp(), 'shrink');
    const sum = [1, 2, 3].reduce((x, i) => x.add(sums.value.extract(i)), sums.value.extract(0));
    k.store(this.total, row, k.load(this.total, row).fma(shrink, sum));
    k.store(this.shrink, row, shrink);
    k.store(this.top, row, top);
  }

  /** Adds the weighted values of a block to what the rows have, which shrinks first. */
  private mix(block: Dim, count: Dim): void {
    const { k, s, rows } = this;
    const { width } = s;
    const first = this.values.codes
      ? 0
      : k.index(
          dimValue(mul(add(this.base(), block), width)),
          { min: 0, max: (s.kvHeads * s.stride - 1) * width },
          'value',
        );
    const tile = (row: Dim, n: number, from: Dim, vectors: number): void => {
      const at = (r: number, v: number): Dim => add(add(mul(add(row, r), width), from), 4 * v);
      const sums = Array.from({ length: n }, (_, r) => {
        const shrink = k.load(this.shrink, add(row, r)).splat(4);
        return Array.from({ length: vectors }, (_, v) => k.var(k.load(this.out, at(r, v), 4).mul(shrink), 'mix'));
      });
      k.for(0, count, 1, (j) => {
        const place = add(add(first, mul(j, width)), from);
        const values = Array.from({ length: vectors }, (_, v) => k.load(this.values.plain, add(place, 4 * v), 4));
        sums.forEach((list, r) => {
          const weight = k.load(this.scores, add(mul(add(row, r), this.block), j)).splat(4);
          list.forEach((sum, v) => {
            const value = values[v];
            if (value) sum.set(weight.fma(value, sum.value));
          });
        });
      });
      sums.forEach((list, r) => {
        list.forEach((sum, v) => {
          k.store(this.out, at(r, v), sum.value);
        });
      });
    };
    const some = (row: Dim, n: number): void => {
      // Eight accumulators at most: more spill.
      const vectors = n === 1 ? 4 : 2;
      const step = vectors * 4;
      const whole = width - (width % step);
      if (whole > 0) k.for(0, whole, step, (from) => tile(row, n, from, vectors), 'from');
      for (let from = whole; from < width; from += 4) tile(row, n, from, 1);
    };
    const quads = rows - (rows % 4);
    if (quads > 0) k.for(0, quads, 4, (row) => some(row, 4), 'row');
    if (rows % 4 > 0) some(quads, rows % 4);
  }

  /** Hands the rows of tokens that exist on. */
  private finish(): void {
    const { k, s } = this;
    const { seq, group, width } = s;
    k.for(
      0,
      this.rows,
      1,
      (row) => {
        const write = (): void => {
          const token = this.token(row);
          const head = add(mul(this.head, group), this.tokens === 1 ? row : mod(row, group));
          const scale = k.let(constant('f32', 1).div(k.load(this.total, row)), 'scale');
          k.for(0, width, 4, (i) => {
            this.request.finish(k, k.load(this.out, add(mul(row, width), i), 4).mul(scale), [0, token, head, i]);
          });
        };
        if (this.tokens === 1) write();
        else k.if(dimValue(add(this.first, floorDiv(row, group))).lt(dimValue(seq)), write);
      },
      'row',
    );
  }
}

/** Keys or values: numbers in the cache itself, or codes there and the numbers of one block in scratch. */
interface Rows {
  readonly plain: Buffer;
  readonly codes?: Buffer;
  readonly scales?: Buffer;
}

function rowsOf(
  request: TemplateRequest,
  k: KernelBuilder,
  name: string,
  cache: Value,
  scales: Value | null | undefined,
  block: number,
): Rows {
  const bound = request.bind(k, cache);
  if (!scales) return { plain: bound };
  return { plain: k.shared(name, 'f32', block), codes: bound, scales: request.bind(k, scales) };
}

/** The sums of the lanes of four vectors, as one vector. */
function acrossLanes(vectors: readonly Expr[]): Expr {
  const [a, b, c, d] = vectors;
  if (!a || !b || !c || !d) throw new RangeError('four vectors are summed');
  const pairs = (x: Expr, y: Expr): Expr => x.shuffle(y, [0, 4, 1, 5]).add(x.shuffle(y, [2, 6, 3, 7]));
  // [a0+a2, b0+b2, a1+a3, b1+b3] and the same of c and d.
  const [ab, cd] = [pairs(a, b), pairs(c, d)];
  return ab.shuffle(cd, [0, 1, 4, 5]).add(ab.shuffle(cd, [2, 3, 6, 7]));
}

/** Cached attention on 128-bit vectors: reads the cache in place, once for all heads that share it. */
export const attentionSimd = defineTemplate({
  name: 'attention-simd',
  op: 'cached_attention',
  when: (node, target) => target.kernels === 'simd' && target.vectorBytes >= 16 && sizesOf(node) !== undefined,
  score: 10,
  why: 'one pass over the cache in place, in blocks that stay in the first-level cache, for all heads that share its keys',
  build: (request) => {
    const sizes = sizesOf(request.anchor);
    if (!sizes) throw new TypeError('when has looked at the node');
    return [new Attention(request, sizes).build()];
  },
});
