import { evaluate } from '../../backends/reference/evaluate.ts';
import { createCompiler } from '../../compiler/compile.ts';
import { type Dim, evaluate as evaluateDim, sym } from '../../compiler/ir/dim.ts';
import { byteLength, type DType, isFloat, viewOf } from '../../compiler/ir/dtype.ts';
import { type Attributes, Graph, type Program, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import type { Plugin } from '../../compiler/plugin.ts';
import { storeNumber, typedData } from '../../compiler/tensor-values.ts';
import { compareValues } from '../../compiler/verify.ts';
import type { Device } from '../../runtime/devices/device.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import { load } from '../../runtime/index.ts';
import { type Check, fail } from './check.ts';

/** An input of a case: `values` repeat to fill the shape; default a fixed wave of floats, or small whole numbers. */
export interface CaseInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values?: readonly number[];
}

export interface OpCase {
  readonly inputs: readonly (CaseInput | null)[];
  readonly attrs?: Attributes;
  /** What the op must give, where an independent value is known: row-major values of the first output. */
  readonly expected?: readonly number[];
  /** False for ops that need the sizes when compiling. Default true: the case also runs with symbolic sizes. */
  readonly dynamic?: boolean;
}

export interface OpConformance {
  readonly plugin: Plugin;
  readonly op: string;
  readonly cases: readonly OpCase[];
  /** Backend to compile for; default `wasm`. */
  readonly target?: string;
  /** Device for a backend that infc does not ship. */
  readonly createDevice?: () => Device | Promise<Device>;
}

/**
 * Checks of an op: the reference value has the inferred shape (and the expected contents), and the compiled kernels agree with it, with
 * sizes known when compiling and with symbolic ones.
 */
export function opConformance({ plugin, op, cases, target = 'wasm', createDevice }: OpConformance): Check[] {
  const compiler = createCompiler({ plugins: [plugin] });
  return cases.flatMap((c, number) => {
    const shapes = c.inputs.map((i) => (i ? `${i.dtype}[${i.shape.join(', ')}]` : '-')).join(', ');
    const inputs = Object.fromEntries(c.inputs.flatMap((i, j) => (i ? [[`x${j}`, fill(i, j)] as const] : [])));
    const run = async (dynamic: boolean): Promise<void> => {
      const { program, sizes } = programOf(compiler.registry, op, c, dynamic);
      const expected = evaluate(program, 'main', inputs, { ops: compiler.registry, host: hostFunctions });
      const graph = program.entries.get('main');
      for (const out of graph?.outputs ?? []) {
        const value = expected[out.name];
        if (!value || !('shape' in value)) return fail(`the reference gives no tensor for output '${out.name}'`);
        const inferred = out.type.shape.map((d) => evaluateDim(d, sizes));
        if (inferred.join() !== value.shape.join())
          fail(`inferred shape [${inferred.join(', ')}], the reference gives [${value.shape.join(', ')}]`);
        if (
          typedData(value) &&
          (typedData(value)?.length ?? 0) !== (value.dtype === 'string' ? 0 : value.shape.reduce((n, d) => n * d, 1)) &&
          byteLength(value.dtype, 8) === 8 * byteLength(value.dtype, 1)
        )
          fail(`output '${out.name}' has ${typedData(value)?.length} elements`);
      }
      const compilation = await compiler.compile(program, { targets: [target], name: 'case' });
      const [compiled] = compilation.targets;
      if (!compiled) return fail(`nothing was compiled for ${target}`);
      const files = Object.fromEntries(compiled.assembled.files.map((f) => [f.name, contentsOf(f)]));
      const device = await createDevice?.();
      await using model = await load({ plan: compiled.plan, files }, { threads: 1, ...(device ? { device } : {}) });
      const actual = await model.run(inputs);
      for (const [name, value] of Object.entries(expected)) {
        const r = compareValues(name, actual[name], value);
        if (!r.agrees)
          fail(
            `${target} differs from the reference in '${name}': ${r.reason ?? `${r.actual} instead of ${r.expected} at ${r.at} (error ${r.error})`}`,
          );
      }
      const [first] = Object.entries(expected);
      if (c.expected && first) {
        const [name, value] = first;
        if (!value || !('shape' in value)) return fail('the first output is no tensor');
        const want = fill({ dtype: value.dtype, shape: value.shape, values: c.expected }, 0);
        const r = compareValues(name, value, want);
        if (!r.agrees) fail(`the reference gives ${r.actual} instead of the expected ${r.expected} at ${r.at}`);
      }
    };
    const name = `${op} #${number} (${shapes})`;
    const checks: Check[] = [{ name, run: () => run(false) }];
    if (c.dynamic !== false && c.inputs.some((i) => i && i.shape.length > 0))
      checks.push({ name: `${name}, symbolic sizes`, run: () => run(true) });
    return checks;
  });
}

/** A program of one node. With `dynamic`, equal sizes share one symbol. */
function programOf(
  ops: ReturnType<typeof createCompiler>['registry'],
  op: string,
  c: OpCase,
  dynamic: boolean,
): { readonly program: Program; readonly sizes: Record<string, number> } {
  const graph = new Graph('main');
  const symbols: Program['symbols'] = new Map();
  const sizes: Record<string, number> = {};
  const dimOf = (size: number): Dim => {
    if (!dynamic || size < 2) return size;
    const name = `n${size}`;
    sizes[name] = size;
    const dim = sym(name, { min: 1, max: 4096 });
    const [term] = typeof dim === 'number' ? [] : dim.terms;
    const [symbol] = term?.factors ?? [];
    if (symbol?.kind === 'sym') symbols.set(name, symbol);
    return dim;
  };
  const inputs = c.inputs.map((i, j): Value | null =>
    i ? graph.input(`x${j}`, tensor(i.dtype, i.shape.map(dimOf))) : null,
  );
  const builder = new GraphBuilder(graph, ops, { name: 'case', op });
  graph.outputs = [...builder.nodes(op, inputs, c.attrs ?? {}, ['y'])];
  return { program: { name: 'case', entries: new Map([['main', graph]]), states: [], symbols, metadata: {} }, sizes };
}

function fill({ dtype, shape, values }: CaseInput, salt: number): HostTensor {
  const elements = shape.reduce((n, d) => n * d, 1);
  if (dtype === 'string') return { dtype, shape, data: Array.from({ length: elements }, (_, i) => `s${i}`) };
  const data = viewOf(dtype, new ArrayBuffer(Math.ceil(byteLength(dtype, elements) / 8) * 8), 0, elements);
  for (let i = 0; i < elements; i++) {
    const wave = isFloat(dtype) ? ((i * 37 + salt * 11) % 101) / 16 - 3 : (i * 7 + salt) % 5;
    storeNumber(data, dtype, i, values ? (values[i % values.length] ?? 0) : dtype === 'bool' ? (i + salt) % 2 : wave);
  }
  return { dtype, shape, data };
}
