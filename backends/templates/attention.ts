import { add, type Dim, max as dimMax, min as dimMin, floorDiv, mul, sub } from '../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../compiler/ir/expr.ts';
import { KernelBuilder, type Variable } from '../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type LoweredKernel, type TemplateRequest } from '../../compiler/lower/template.ts';
import { type AttentionSizes, attentionSizes, placeOf, positionIn } from './attention-sizes.ts';

/** Lanes of a workgroup, and keys handled at a time: a lane scores one key. */
const LANES = 64;
/** Sums that a lane may keep. */
const MOST_SUMS = 32;
/** Below any score, but finite, so that differences are. */
const LOWEST = -1e30;

/** One query head of a workgroup: what every lane knows of it, and the elements of its result that the lane owns. */
interface Row {
  readonly top: Variable;
  readonly total: Variable;
  readonly sums: readonly Variable[];
}

/** A row of the cache, element by element: numbers, or codes with their scales. */
type ReadRow = (row: Dim, i: Dim) => Expr;

/**
 * Cached attention for lanes: a workgroup is a token and a head of keys, its rows the query heads that share the keys. For each block of
 * keys every lane scores one key against all rows; then each owns some elements of the results and adds the weighted values, which are
 * read in order by neighbouring lanes (online softmax: Milakov and Gimelshein 2018, Dao et al. 2022).
 */
function buildAttention(request: TemplateRequest, s: AttentionSizes): LoweredKernel {
  const { seq, kvHeads, group, depth, width, rows: room, ring, sinks, window } = s;
  const k = new KernelBuilder(request.name, 'simt', LANES, [kvHeads, seq, 1]);
  const [head, token, lane] = [k.group.x, k.group.y, k.lane];
  const [q, keys, values, keyScales, valueScales] = request.anchor.inputs;
  if (!q || !keys || !values) throw new TypeError('attentionSizes has looked at the inputs');
  const bind = (v: typeof q | null | undefined): Buffer | undefined => (v ? request.bind(k, v) : undefined);
  const queries = request.bind(k, q);
  const place = placeOf(request, k, s, token);
  const reader = (cache: Buffer, scales: Buffer | undefined, size: number, groups: number): ReadRow => {
    const length = size / (groups || 1);
    return (row, i) => {
      const at = add(add(mul(head, s.stride), place.first), row);
      const x = k.load(cache, add(mul(at, size), i));
      return scales ? x.cast('f32').mul(k.load(scales, add(mul(at, groups), floorDiv(i, length)))) : x;
    };
  };
  const keyAt = reader(request.bind(k, keys), bind(keyScales), depth, s.keyGroups);
  const valueAt = reader(request.bind(k, values), bind(valueScales), width, s.valueGroups);
  const query = k.shared('query', 'f32', group * depth);
  const weights = k.shared('weights', 'f32', group * LANES);

  // The queries of these heads lie one after the other.
  const first = mul(add(mul(token, s.heads), mul(head, group)), depth);
  k.for(lane, group * depth, LANES, (i) => k.store(query, i, k.load(queries, add(first, i)).mul(s.scale)));
  const zero = constant('f32', 0);
  const rows = Array.from(
    { length: group },
    (): Row => ({
      top: k.var(constant('f32', LOWEST), 'top'),
      total: k.var(zero, 'total'),
      sums: Array.from({ length: Math.ceil(width / LANES) }, () => k.var(zero, 'sum')),
    }),
  );
  const position = add(place.past, place.token);
  const last = k.index(
    dimValue(ring > 0 ? dimMin(add(place.past, place.seq), room) : add(position, 1)),
    { min: 1, max: room },
    'last',
  );
  // In a ring, and with sinks, any row may hold a position that is seen.
  const skips = window > 0 && ring === 0 && sinks === 0;
  const nearest = dimMax(sub(add(position, 1), window), 0);
  const from = skips ? k.index(dimValue(nearest), { min: 0, max: room - 1 }, 'from') : 0;
  k.barrier();
  k.for(
    from,
    last,
    LANES,
    (block) => {
      score(block);
      k.barrier();
      const count = k.index(dimValue(dimMin(sub(last, block), LANES)), { min: 1, max: LANES }, 'count');
      const shrinks = rows.map(({ top }, r) => {
        const most = k.var(top.value, 'most');
        k.for(0, count, 1, (j) => most.set(most.value.max(k.load(weights, add(r * LANES, j)))));
        const shrink = k.let(top.value.sub(most.value).exp(), 'shrink');
        top.set(most.value);
        return shrink;
      });
      const mine = rows.map(({ top }, r) =>
        k.let(
          k
            .load(weights, add(r * LANES, lane))
            .sub(top.value)
            .exp(),
          'weight',
        ),
      );
      // Every lane has read the scores before the weights take their place.
      k.barrier();
      mine.forEach((w, r) => {
        k.store(weights, add(r * LANES, lane), w);
      });
      k.barrier();
      mix(block, count, shrinks);
      k.barrier();
    },
    'block',
  );
  rows.forEach(({ total, sums }, r) => {
    owned((element, u) => {
      const sum = sums[u];
      if (sum) request.finish(k, sum.value.div(total.value), [0, token, add(mul(head, group), r), element]);
    });
  });
  // Where data says how far, one row at least.
  const spans = s.apart ? 1 : add(s.past, seq);
  return request.close(k, {
    op: request.anchor.op,
    sources: [],
    template: '',
    why: '',
    bytes: mul(spans, kvHeads * (depth + width) * 4),
    flops: mul(mul(seq, spans), 2 * s.heads * (depth + width)),
  });

  /** Scores of every row with the key of this lane; minus infinity where there is none or it is not seen. */
  function score(block: Dim): void {
    const slot = k.let(dimValue(add(block, lane)), 'slot');
    const row = k.index(slot.min(dimValue(sub(last, 1))), { min: 0, max: room - 1 }, 'key');
    const scores = rows.map(() => k.var(zero, 'score'));
    k.for(0, depth, 1, (i) => {
      const key = k.let(keyAt(row, i), 'k');
      scores.forEach((x, r) => {
        x.set(key.fma(k.load(query, add(r * depth, i)), x.value));
      });
    });
    const holds = ring > 0 ? k.let(positionIn(s, place, slot), 'holds') : slot;
    let seen = slot.lt(dimValue(last)).and(holds.le(dimValue(position)));
    if (window > 0) {
      const near = holds.gt(dimValue(sub(position, window)));
      seen = seen.and(sinks > 0 ? near.or(slot.lt(sinks)) : near);
    }
    const isSeen = k.let(seen, 'seen');
    scores.forEach((x, r) => {
      const capped = s.softCap > 0 ? x.value.div(s.softCap).tanh().mul(s.softCap) : x.value;
      k.store(weights, add(r * LANES, lane), isSeen.select(capped, constant('f32', Number.NEGATIVE_INFINITY)));
    });
  }

  /** Adds the weighted values of a block to what the rows have, which shrinks first. */
  function mix(block: Dim, count: Dim, shrinks: readonly Expr[]): void {
    rows.forEach(({ total, sums }, r) => {
      const shrink = shrinks[r];
      for (const x of [total, ...sums]) if (shrink) x.set(x.value.mul(shrink));
    });
    k.for(0, count, 1, (j) => {
      const ws = rows.map((_, r) => k.let(k.load(weights, add(r * LANES, j)), 'w'));
      rows.forEach(({ total }, r) => {
        const w = ws[r];
        if (w) total.set(total.value.add(w));
      });
      owned((element, u) => {
        const value = k.let(valueAt(add(block, j), element), 'v');
        rows.forEach(({ sums }, r) => {
          const [w, sum] = [ws[r], sums[u]];
          if (w && sum) sum.set(w.fma(value, sum.value));
        });
      });
    });
  }

  /** Runs `write` for each element of a result that this lane owns. */
  function owned(write: (element: Dim, unit: number) => void): void {
    for (let u = 0; u * LANES < width; u++) {
      const element = add(lane, u * LANES);
      if ((u + 1) * LANES <= width) write(element, u);
      else
        k.if(dimValue(element).lt(width), () =>
          write(k.index(dimValue(element), { min: 0, max: width - 1 }, 'element'), u),
        );
    }
  }
}

/** Cached attention for lanes that share memory. */
export const attentionLanes = defineTemplate({
  name: 'attention-lanes',
  op: 'cached_attention',
  when: (node, target) => {
    const s = attentionSizes(node);
    return (
      target.kernels === 'simt' &&
      target.maxLanes >= LANES &&
      s !== undefined &&
      s.group * Math.ceil(s.width / LANES) <= MOST_SUMS &&
      target.sharedBytes >= 4 * s.group * (s.depth + LANES)
    );
  },
  score: 10,
  why: 'one pass over the cache in place: a lane scores a key, then owns elements of the result, for all heads that share the keys',
  build: (request) => {
    const s = attentionSizes(request.anchor);
    if (!s) throw new TypeError('when has looked at the node');
    return [buildAttention(request, s)];
  },
});
