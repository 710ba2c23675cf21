import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { add, type Dim, formatDim, mul, sym } from '../../compiler/ir/dim.ts';
import { Graph, type Value } from '../../compiler/ir/graph.ts';
import { contentsOf, GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';

const registry = new Registry([builtin]);
const n = sym('n', { min: 1, max: 4096 });
const h = sym('h', { min: 0, max: 4096 });

function build(make: (b: GraphBuilder) => Value): readonly Dim[] | undefined {
  return contentsOf(make(new GraphBuilder(new Graph('g'), registry, { name: 'n', op: 'test' })));
}

const shape = (b: GraphBuilder): Value => b.node('dims', [], { dims: [n, 3, h] });
const one = (b: GraphBuilder, v: number): Value => b.constant('i64', [], [v]);
const text = (dims: readonly Dim[] | undefined): string => (dims ?? []).map(formatDim).join(', ');

describe('contents of shape arithmetic follow from what ops mean', () => {
  it('gather, multiplication and addition', () => {
    const dims = build((b) => {
      const picked = b.node('gather', [shape(b), b.constant('i64', [2], [-1, 0])], { axis: 0 });
      return b.node('add', [b.node('mul', [picked, one(b, 2)]), one(b, 1)]);
    });
    expect(dims).toEqual([add(mul(h, 2), 1), add(mul(n, 2), 1)]);
  });

  it('concat, slice and reshape', () => {
    const dims = build((b) => {
      const both = b.node('concat', [shape(b), b.constant('i64', [1], [-1])], { axis: 0 });
      return b.node('slice', [both], { starts: [3], steps: [-2], shape: [2] });
    });
    expect(dims).toEqual([-1, 3]);
  });

  it('division of what cannot be negative, through casts', () => {
    const dims = build((b) => {
      const wide = b.node('cast', [b.node('cast', [shape(b)], { to: 'f32' })], { to: 'i64' });
      return b.node('div', [wide, one(b, 2)]);
    });
    expect(text(dims)).toBe('((n)/(2)), 1, ((h)/(2))');
  });

  it('a comparison that bounds decide picks a branch; one they do not leaves the result unknown', () => {
    const choose = (limit: number) =>
      build((b) => b.node('where', [b.node('lt', [shape(b), one(b, limit)]), one(b, 7), shape(b)]));
    expect(choose(0)).toEqual([n, 3, h]);
    expect(choose(5000)).toEqual([7, 7, 7]);
    expect(choose(100)).toBeUndefined();
  });

  it('products and reductions', () => {
    expect(build((b) => b.node('reduce_prod', [shape(b)], { axes: [0], keepDims: false }))).toEqual([
      mul(mul(n, 3), h),
    ]);
  });

  it('nothing is claimed about values that depend on data', () => {
    const dims = build((b) => {
      const x = b.graph.input('x', { dtype: 'i64', shape: [3], format: 'dense' });
      return b.node('add', [x, shape(b)]);
    });
    expect(dims).toBeUndefined();
  });

  it('integers that a double cannot hold stay unknown', () => {
    expect(build((b) => b.node('mul', [one(b, 2 ** 40), one(b, 2 ** 40)]))).toBeUndefined();
  });
});
