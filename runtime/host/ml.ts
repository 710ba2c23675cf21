import type { HostContext, HostOp, HostTensor, HostValue } from '../host.ts';
import { emptyTensor, isTensor, numericData, sizeOf, toNumbers } from './values.ts';

const list = (v: unknown): number[] => (Array.isArray(v) ? v.map(Number) : []);

function tensorAt(inputs: readonly HostValue[], i: number, c: HostContext): HostTensor {
  const v = inputs[i];
  return isTensor(v) ? v : c.fail(`input ${i} is not a tensor`);
}

/** A dictionary from keys to values (LabelEncoder of ai.onnx.ml); attributes keys, values, fallback, dtype. NaN is a key like any other. */
export const labelEncode: HostOp = (inputs, attrs, c) => {
  const x = tensorAt(inputs, 0, c);
  const keys = Array.isArray(attrs.keys) ? attrs.keys : [];
  const values = Array.isArray(attrs.values) ? attrs.values : [];
  // A map keeps numbers and strings apart and finds NaN; whole numbers of any width compare as numbers.
  const found = new Map<unknown, unknown>(
    keys.map((k, i) => [k === 'NaN' && attrs.numericKeys === true ? Number.NaN : k, values[i]]),
  );
  const items: (number | string)[] = ArrayBuffer.isView(x.data) ? toNumbers(x) : [...x.data];
  const mapped = items.map((v) => (found.has(v) ? found.get(v) : attrs.fallback));
  const dtype = String(attrs.dtype) as HostTensor['dtype'];
  if (dtype === 'string') return [{ dtype, shape: x.shape, data: mapped.map(String) }];
  const out = emptyTensor(dtype, x.shape);
  const { data } = out;
  mapped.forEach((v, i) => {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(Math.trunc(Number(v)));
    else data[i] = Number(v);
  });
  return [out];
};

/** Comparisons of tree nodes, by ai.onnx.ml's numbers; 6 is set membership. */
function holds(mode: number, x: number, split: number, members: readonly number[] | undefined): boolean {
  switch (mode) {
    case 0:
      return x <= split;
    case 1:
      return x < split;
    case 2:
      return x >= split;
    case 3:
      return x > split;
    case 4:
      return x === split;
    case 5:
      return x !== split;
    default:
      return members?.includes(x) ?? false;
  }
}

/**
 * Sums (or averages, least, greatest) of the leaves that each row of x [n, features] reaches, per target. Attributes: for each node
 * modes, splits, features, missing (NaN goes to the true side), yes and no (node numbers, or -1 - leaf); members by node; roots; leafStart,
 * leafTargets, leafWeights (a leaf may serve several targets); targets; aggregate; base.
 */
export const treeEnsemble: HostOp = (inputs, attrs, c) => {
  const x = tensorAt(inputs, 0, c);
  const [rows = 1, width = 1] = x.shape;
  const values = toNumbers(x);
  const targets = Number(attrs.targets);
  const [modes, splits, features, missing, yes, no] = [
    attrs.modes,
    attrs.splits,
    attrs.features,
    attrs.missing,
    attrs.yes,
    attrs.no,
  ].map(list) as [number[], number[], number[], number[], number[], number[]];
  const members = Array.isArray(attrs.members) ? attrs.members.map(list) : [];
  const [roots, leafStart, leafTargets, leafWeights, base] = [
    attrs.roots,
    attrs.leafStart,
    attrs.leafTargets,
    attrs.leafWeights,
    attrs.base,
  ].map(list) as [number[], number[], number[], number[], number[]];
  const aggregate = String(attrs.aggregate);
  const out = emptyTensor(x.dtype === 'f64' ? 'f64' : 'f32', [rows, targets]);
  const data = numericData(out);
  for (let r = 0; r < rows; r++) {
    const sums = new Array<number | undefined>(targets).fill(undefined);
    for (const root of roots) {
      let at = root;
      for (let depth = 0; at >= 0; depth++) {
        if (depth > modes.length) return c.fail('a tree has a cycle');
        const v = values[r * width + (features[at] ?? 0)] ?? 0;
        const pass = holds(modes[at] ?? 0, v, splits[at] ?? 0, members[at]) || (missing[at] === 1 && Number.isNaN(v));
        at = (pass ? yes[at] : no[at]) ?? -1;
      }
      const leaf = -1 - at;
      for (let i = leafStart[leaf] ?? 0; i < (leafStart[leaf + 1] ?? 0); i++) {
        const t = leafTargets[i] ?? 0;
        const w = leafWeights[i] ?? 0;
        const old = sums[t];
        sums[t] =
          old === undefined
            ? w
            : aggregate === 'MIN'
              ? Math.min(old, w)
              : aggregate === 'MAX'
                ? Math.max(old, w)
                : old + w;
      }
    }
    sums.forEach((s, t) => {
      data[r * targets + t] = (aggregate === 'AVERAGE' ? (s ?? 0) / roots.length : (s ?? 0)) + (base[t] ?? 0);
    });
  }
  return [out];
};

interface Gram {
  id: number;
  readonly next: Map<unknown, Gram>;
}

/** Counts of n-grams with skips in each row (TfIdfVectorizer): attributes as in ai.onnx, the pool as plain values. */
export const tfIdf: HostOp = (inputs, attrs, c) => {
  const x = tensorAt(inputs, 0, c);
  const pool = Array.isArray(attrs.pool) ? attrs.pool : [];
  const [starts, indexes, weights] = [list(attrs.counts), list(attrs.indexes), list(attrs.weights)];
  const [shortest, longest, skips] = [Number(attrs.min), Number(attrs.max), Number(attrs.skips)];
  const root: Gram = { id: 0, next: new Map() };
  let id = 1;
  starts.forEach((start, i) => {
    const size = i + 1;
    const end = starts[i + 1] ?? pool.length;
    for (let at = start; at + size <= end; at += size, id++) {
      if (size < shortest || size > longest) continue;
      let node = root;
      for (const item of pool.slice(at, at + size)) {
        const next: Gram = node.next.get(item) ?? { id: 0, next: new Map() };
        node.next.set(item, next);
        node = next;
      }
      node.id = id;
    }
  });
  const size = indexes.reduce((m, i) => Math.max(m, i), -1) + 1;
  const matrix = x.shape.length === 2;
  const [rows, width] = matrix ? [x.shape[0] ?? 0, x.shape[1] ?? 0] : [1, sizeOf(x.shape)];
  const items: readonly (number | string)[] = ArrayBuffer.isView(x.data) ? toNumbers(x) : x.data;
  const out = emptyTensor('f32', matrix ? [rows, size] : [size]);
  const data = numericData(out);
  for (let r = 0; r < rows; r++) {
    const counts = new Array<number>(size).fill(0);
    const row = items.slice(r * width, (r + 1) * width);
    // Single items do not depend on the skip: they count once.
    for (let skip = 1, from = shortest; skip <= skips + 1 && from <= longest; skip++, from = Math.max(from, 2)) {
      for (let start = 0; start < width; start++) {
        let node: Gram | undefined = root;
        for (let n = 1, at = start; n <= longest && at < width; n++, at += skip) {
          node = node.next.get(row[at]);
          if (!node) break;
          const to = indexes[node.id - 1];
          if (n >= from && node.id > 0 && to !== undefined) counts[to] = (counts[to] ?? 0) + 1;
        }
      }
    }
    counts.forEach((n, i) => {
      const weight = weights.length > 0 ? (weights[i] ?? 0) : 1;
      data[r * size + i] = attrs.mode === 'TF' ? n : attrs.mode === 'IDF' ? (n > 0 ? weight : 0) : n * weight;
    });
  }
  return [out];
};
