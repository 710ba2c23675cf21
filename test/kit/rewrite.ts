import { evaluate } from '../../backends/reference/evaluate.ts';
import { createCompiler } from '../../compiler/compile.ts';
import { evaluate as evaluateDim } from '../../compiler/ir/dim.ts';
import { byteLength, isFloat, viewOf } from '../../compiler/ir/dtype.ts';
import { Graph, type Program, type TensorType, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import type { Plugin } from '../../compiler/plugin.ts';
import { storeNumber } from '../../compiler/tensor-values.ts';
import { compareValues } from '../../compiler/verify.ts';
import type { Pass } from '../../passes/pass.ts';
import { applyRewrites, type Rewrite } from '../../passes/rewrite.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import { type Check, fail } from './check.ts';

export interface RewriteConformance {
  /** Plugins whose ops the rewrites use, the rewrites' own plugin included. */
  readonly plugins?: readonly Plugin[];
  readonly rewrites: readonly Rewrite[];
  /** Random draws for each sample; default 4. */
  readonly draws?: number;
}

/** Every rewrite of a pass, or nothing for a pass that is a function. */
export const rewritesOf = (pass: Pass): readonly Rewrite[] => pass.rewrites ?? [];

/**
 * The property every rewrite must have: for each sample, `from` and `to` compute the same values on random inputs, and the rewrite
 * really applies to the graph that `from` builds.
 */
export function rewriteConformance({ plugins = [], rewrites, draws = 4 }: RewriteConformance): Check[] {
  const { registry } = createCompiler({ plugins });
  return rewrites.flatMap((r) =>
    r.sample.map(
      (types, number): Check => ({
        name: `${r.name} #${number}`,
        run: async () => {
          const before = programOf(r, types, (b, holes) => r.from(b, holes), registry);
          const after = programOf(r, types, (b, holes) => r.from(b, holes), registry);
          const graph = after.entries.get('main');
          if (!graph) return fail('no graph');
          applyRewrites(graph, [r], {
            ops: registry,
            program: after,
            evaluate: () => undefined,
            changed: () => undefined,
          });
          const [root] = graph.outputs;
          const [old] = before.entries.get('main')?.outputs ?? [];
          if (!root || !old) return fail('the rewrite builds no value');
          if (root.producer?.op === old.producer?.op && sameNodes(before, after))
            fail('the rewrite does not apply to its own pattern');
          for (let seed = 1; seed <= draws; seed++) {
            const inputs = randomInputs(types, seed);
            const [x, y] = [before, after].map((p) =>
              evaluate(p, 'main', inputs, { ops: registry, host: hostFunctions }),
            );
            const result = compareValues(r.name, y?.[root.name], x?.[old.name]);
            if (!result.agrees)
              fail(
                `draw ${seed}: ${result.reason ?? `${result.actual} instead of ${result.expected} at ${result.at}`}`,
              );
          }
        },
      }),
    ),
  );
}

const reachable = (program: Program): string[] => {
  const ops: string[] = [];
  const seen = new Set<Value>();
  const walk = (v: Value | null): void => {
    if (!v || seen.has(v)) return;
    seen.add(v);
    if (!v.producer) return;
    ops.push(v.producer.op);
    v.producer.inputs.forEach(walk);
  };
  for (const g of program.entries.values()) g.outputs.forEach(walk);
  return ops.sort();
};
const sameNodes = (a: Program, b: Program): boolean => reachable(a).join() === reachable(b).join();

function programOf(
  r: Rewrite,
  types: Readonly<Record<string, TensorType>>,
  build: (b: GraphBuilder, holes: Record<string, Value>) => Value,
  ops: ReturnType<typeof createCompiler>['registry'],
): Program {
  const graph = new Graph('main');
  const holes: Record<string, Value> = {};
  for (const [name, type] of Object.entries(types)) holes[name] = graph.input(name, type);
  graph.outputs = [build(new GraphBuilder(graph, ops, { name: r.name, op: 'rewrite' }), holes)];
  return { name: r.name, entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
}

function randomInputs(types: Readonly<Record<string, TensorType>>, seed: number): Record<string, HostTensor> {
  let state = seed * 2654435761;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  return Object.fromEntries(
    Object.entries(types).map(([name, { dtype, shape }]) => {
      const dims = shape.map((d) => evaluateDim(d, {}));
      const elements = dims.reduce((n, d) => n * d, 1);
      const data = viewOf(dtype, new ArrayBuffer(Math.ceil(byteLength(dtype, elements) / 8) * 8), 0, elements);
      for (let i = 0; i < elements; i++)
        storeNumber(
          data,
          dtype,
          i,
          isFloat(dtype) ? next() * 4 - 2 : dtype === 'bool' ? Math.round(next()) : Math.floor(next() * 5),
        );
      return [name, { dtype, shape: dims, data }];
    }),
  );
}
