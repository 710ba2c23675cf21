import { evaluateDim, formatShape } from '../../runtime/dims.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { DimCode, Plan, PlanEntry, PlanSymbol } from '../../runtime/plan.ts';
import { nearest } from '../diagnostics.ts';
import { largeEnough, symbolsIn } from '../plan/report.ts';
import type { ConcretePort } from './inputs.ts';

/** An entry point of a plan by name; the first when none is named. Throws INFC8003 with the names there are. */
export function entryOf(plan: Plan, name: string | undefined): { readonly name: string; readonly entry: PlanEntry } {
  const names = Object.keys(plan.entries);
  const chosen = name ?? names[0] ?? '';
  const entry = Object.hasOwn(plan.entries, chosen) ? plan.entries[chosen] : undefined;
  if (!entry) {
    const near = nearest(chosen, names);
    throw new InfcError('INFC8003', `there is no entry point '${chosen}'`, {
      fix: near ? `Did you mean '${near}'?` : `Entry points: ${names.join(', ')}`,
    });
  }
  return { name: chosen, entry };
}

/** What samples at random have of a dim that nobody gave: lines of text, pictures and sound are longer than 1. */
const WIDE = 64;

/** {@link WIDE}, or what comes nearest to it of the sizes that a symbol may have. */
export function typicalSize({
  min = 1,
  max = Number.POSITIVE_INFINITY,
  multipleOf = 1,
}: Partial<PlanSymbol> = {}): number {
  const size = Math.ceil(Math.max(min, WIDE) / multipleOf) * multipleOf;
  return size <= max ? size : Math.floor(max / multipleOf) * multipleOf;
}

/**
 * Inputs of an entry with numbers for dims, and the symbols that go beside them. A symbol not given takes its smallest allowed value of at least 1 (batch sizes, lengths of
 * a past), which every model accepts; sizes of pictures are better given. With `wide`, dims that are no input's first axis take {@link WIDE}.
 */
export function concretePorts(
  plan: Plan,
  entry: PlanEntry,
  given: Readonly<Record<string, number>>,
  wide = false,
): {
  readonly ports: ConcretePort[];
  readonly dims: Record<string, number>;
  /** Values of the symbols that no input's shape fixes. */
  readonly symbols: Record<string, number>;
} {
  const beside = entry.symbols ?? [];
  const used = new Set<string>(beside);
  for (const p of entry.inputs) for (const d of p.shape) symbolsIn(d, used);
  const asked: Record<string, number> = {};
  for (const [name, value] of Object.entries(given)) {
    // A model's own spelling of a dim may hold characters that symbols do not.
    const known = used.has(name) ? name : name.replaceAll(/\W/g, '_');
    asked[known] = value;
    if (used.has(known)) continue;
    const near = nearest(name, used);
    throw new InfcError('INFC8003', `the inputs have no dim '${name}'`, {
      fix: near
        ? `Did you mean '${near}'?`
        : used.size > 0
          ? `Dims: ${[...used].join(', ')}`
          : 'All dims of this artifact are fixed',
    });
  }
  const batches = new Set(entry.inputs.map((p) => p.shape[0]));
  const least: Record<string, number> = {};
  for (const name of used) {
    const symbol = plan.symbols[name];
    const step = symbol?.multipleOf ?? 1;
    const low = Math.max(symbol?.min ?? 1, beside.includes(name) ? 0 : 1);
    const size = wide && !batches.has(name) ? typicalSize(symbol) : Math.ceil(low / step) * step;
    least[name] = asked[name] ?? size;
  }
  const dims = largeEnough(
    plan,
    least,
    [...used].filter((name) => asked[name] === undefined && plan.symbols[name]?.max === undefined),
  );
  const values = new Map(Object.entries(dims));
  const ports = entry.inputs.map((p) => ({
    name: p.name,
    dtype: p.dtype,
    shape: p.shape.map((d) => evaluateDim(d, values)),
    ...(p.container ? { container: p.container } : {}),
  }));
  return { ports, dims, symbols: Object.fromEntries(beside.map((name) => [name, dims[name] ?? 0])) };
}

/** `f32[1, 3, h, w]` */
export const portText = (p: { readonly dtype: string; readonly shape: readonly DimCode[] }): string =>
  `${p.dtype}${formatShape(p.shape)}`;
