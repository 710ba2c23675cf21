import * as D from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import type { OnnxNode } from '../onnx-op.ts';
import { rankOf, reshape } from './common.ts';

/** Explicit equation without spaces or ellipses; an absent output holds the labels seen once, in alphabetical order. */
function explicitEquation(node: OnnxNode, equation: string, ranks: readonly number[]): string {
  const [left = '', right] = equation.replace(/\s/g, '').split('->');
  const terms = left.split(',');
  const taken = new Set(equation.replace(/[^A-Za-z]/g, ''));
  const free = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'].filter((l) => !taken.has(l));
  const widths = terms.map((t, i) => (t.includes('...') ? (ranks[i] ?? 0) - (t.length - 3) : 0));
  const width = Math.max(0, ...widths);
  if (width > free.length) return node.fail('the equation needs too many labels');
  const batch = free.slice(0, width);
  const open = (term: string, count: number): string => term.replace('...', batch.slice(width - count).join(''));
  const full = terms.map((t, i) => open(t, widths[i] ?? 0));
  const unknown = [...(right ?? '').replace('...', '')].find((l) => !left.includes(l));
  if (unknown)
    node.fail(
      `output label '${unknown}' of '${equation}' is in no operand`,
      'Take the labels of the output from the operands',
    );
  if (right !== undefined) return `${full.join(',')}->${open(right, width)}`;
  const labels = full.join('');
  const once = [...new Set(labels)].filter((l) => !batch.includes(l) && labels.split(l).length === 2).sort();
  return `${full.join(',')}->${batch.join('')}${once.join('')}`;
}

/** A factor and the labels of its axes. */
interface Factor {
  readonly value: Value;
  readonly labels: string;
}

const only = (labels: string, among: (l: string) => boolean): string => [...labels].filter(among).join('');
const isDistinct = (labels: string): boolean => new Set(labels).size === labels.length;

/** The axes in the order of `labels`. */
function ordered(b: GraphBuilder, { value, labels }: Factor, wanted: string): Value {
  const permutation = [...wanted].map((l) => labels.indexOf(l));
  return permutation.every((p, i) => p === i) ? value : b.node('transpose', [value], { permutation });
}

/** The sum of one factor over the labels that are not kept. */
function summed(b: GraphBuilder, f: Factor, kept: (l: string) => boolean): Factor {
  const labels = only(f.labels, kept);
  if (labels === f.labels) return f;
  const axes = [...f.labels].flatMap((l, axis) => (kept(l) ? [] : [axis]));
  return { value: b.node('reduce_sum', [f.value], { axes, keepDims: false }), labels };
}

/**
 * Two factors as a matrix product: labels of both that are kept are its batch, those of both that are not are summed over, the others are
 * rows and columns. Undefined where it is none.
 */
function matrixProduct(b: GraphBuilder, left: Factor, right: Factor, kept: string): Factor | undefined {
  const lengths = new Map([...left.labels].map((l, axis) => [l, left.value.type.shape[axis] ?? 1]));
  if (
    ![...right.labels].every(
      (l, axis) => (lengths.get(l) ?? right.value.type.shape[axis]) === right.value.type.shape[axis],
    )
  )
    return undefined;
  const isKept = (l: string): boolean => kept.includes(l);
  const [x, y] = [
    summed(b, left, (l) => isKept(l) || right.labels.includes(l)),
    summed(b, right, (l) => isKept(l) || left.labels.includes(l)),
  ];
  [...y.labels].forEach((l, axis) => {
    lengths.set(l, y.value.type.shape[axis] ?? 1);
  });
  const shared = (l: string): boolean => x.labels.includes(l) && y.labels.includes(l);
  const batch = only(x.labels, (l) => shared(l) && isKept(l));
  const inner = only(x.labels, (l) => shared(l) && !isKept(l));
  const rows = only(x.labels, (l) => !shared(l));
  const columns = only(y.labels, (l) => !shared(l));
  const shape = (labels: string) => [...labels].map((l) => lengths.get(l) ?? 1);
  const size = (labels: string) => D.product(shape(labels));
  const matrix = (f: Factor, first: string, second: string): Value =>
    reshape(b, ordered(b, f, batch + first + second), [...shape(batch), size(first), size(second)]);
  const product = b.node('matmul', [matrix(x, rows, inner), matrix(y, inner, columns)]);
  const labels = batch + rows + columns;
  return { value: reshape(b, product, shape(labels)), labels };
}

/** Dtypes in which partial sums may be kept: rounding them would show otherwise. */
const SPLITS: readonly string[] = ['f32', 'f64', 'i32', 'i64'];

/**
 * Einsum. All factors at once take as many steps as all their labels multiplied; here they are joined two at a time, as matrix products
 * where floats are summed over a label of both. The op itself says what the rest means.
 */
export function buildEinsum(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const all = node.inputs.map((_, i) => node.input(i));
  const equation = explicitEquation(node, node.string('equation'), all.map(rankOf));
  const [left = '', output = ''] = equation.split('->');
  const terms = left.split(',');
  const [first, ...rest] = all.map((value, i): Factor => ({ value, labels: terms[i] ?? '' }));
  const fits =
    terms.length === all.length && terms.every((t, i) => isDistinct(t) && t.length === rankOf(all[i] ?? node.input(0)));
  const dtype = first?.value.type.dtype ?? 'f32';
  const isFloat = dtype.startsWith('f') || dtype === 'bf16';
  if (!first || rest.length === 0 || !fits || (rest.length > 1 && !SPLITS.includes(dtype)))
    return [b.node('einsum', all, { equation })];
  let so: Factor = first;
  for (const [i, next] of rest.entries()) {
    const later =
      output +
      rest
        .slice(i + 1)
        .map((f) => f.labels)
        .join('');
    const last = i === rest.length - 1;
    const both = [...new Set(so.labels + next.labels)].join('');
    const kept = last ? output : only(both, (l) => later.includes(l));
    const { labels } = so;
    const sums = [...next.labels].some((l) => labels.includes(l) && !kept.includes(l));
    const product = isFloat && sums ? matrixProduct(b, so, next, kept) : undefined;
    so = product ?? {
      value: b.node('einsum', [so.value, next.value], { equation: `${labels},${next.labels}->${kept}` }),
      labels: kept,
    };
  }
  return [ordered(b, so, output)];
}
