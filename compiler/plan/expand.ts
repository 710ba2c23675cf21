import { codePlanes, packCodes, unpackCodes } from '../formats/code-planes.ts';
import { storedBits } from '../formats/fit.ts';
import { add, ceilDiv, mul } from '../ir/dim.ts';
import { dimValue } from '../ir/expr.ts';
import { type CompactValues, type Constant, tensor } from '../ir/graph.ts';
import type { Kernel } from '../ir/kernel.ts';
import { KernelBuilder } from '../ir/kernel-builder.ts';
import { constantNumbers, elementsOf } from '../tensor-values.ts';

/** Values that one step of the expanding kernel writes. */
const SPAN = 32;
/** Lanes of a workgroup, and spans that one thread expands in a row. */
const [LANES, SPANS] = [64, 64];

/** A constant in fewer bytes, and the kernel that expands it. */
export interface Expansion {
  readonly planes: readonly Constant[];
  /** Reads the planes in order and writes the values. */
  readonly kernel: Kernel;
  /** Bytes of the buffer it writes: whole spans. */
  readonly bytes: number;
}

/** Undefined where the constant is no f32 or a value of it is not of the compact kind (a template may have computed with it). */
export function expand(constant: Constant, compact: CompactValues, kind: Kernel['kind']): Expansion | undefined {
  if (constant.type.dtype !== 'f32' || constant.strings) return undefined;
  const spans = Math.ceil(elementsOf(constant) / SPAN);
  const planes = 'bits' in compact ? codesOf(constant, compact, spans) : [floatsOf(constant, compact.float, spans)];
  if (!planes) return undefined;
  return { planes, kernel: expandingKernel(compact, spans, kind), bytes: spans * SPAN * 4 };
}

const plane = (name: string, data: Uint32Array): Constant => ({
  name,
  type: tensor('u32', [data.length]),
  bytes: data.byteLength,
  read: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

function codesOf(
  constant: Constant,
  { bits, step = 1 }: { readonly bits: number; readonly step?: number },
  spans: number,
): Constant[] | undefined {
  const values = constantNumbers(constant);
  const zero = 2 ** (bits - 1);
  const codes = new Uint8Array(spans * SPAN).fill(zero);
  for (let i = 0; i < values.length; i++) {
    const v = values[i] ?? 0;
    const code = Math.round(v / step);
    if (Math.fround(code * step) !== v || Math.abs(code) >= zero) return undefined;
    codes[i] = code + zero;
  }
  const planes = Object.entries(packCodes(codes, bits)).map(([name, words]) => plane(name, words));
  return step === 1 ? planes : [...planes, stepPlane(step)];
}

/** Data, not part of the kernel: weights share it. */
const stepPlane = (step: number): Constant => ({
  name: 'step',
  type: tensor('f32', [1]),
  bytes: 4,
  read: () => new Uint8Array(Float32Array.of(step).buffer),
});

/** Computed when it is written: models of 16 bits need not fit in memory twice. */
const floatsOf = (constant: Constant, dtype: 'f16' | 'bf16', spans: number): Constant => ({
  name: 'values',
  type: tensor(dtype, [spans * SPAN]),
  bytes: 2 * spans * SPAN,
  read: () => {
    const data = new Uint16Array(spans * SPAN);
    constantNumbers(constant).forEach((v, i) => {
      data[i] = storedBits(dtype, v);
    });
    return new Uint8Array(data.buffer);
  },
});

function expandingKernel(compact: CompactValues, spans: number, kind: Kernel['kind']): Kernel {
  const hasStep = 'bits' in compact && (compact.step ?? 1) !== 1;
  const name = 'bits' in compact ? `expand_int${compact.bits}${hasStep ? 's' : ''}` : `expand_${compact.float}`;
  const [lanes, each] = kind === 'simt' ? [LANES, 1] : [1, SPANS];
  const k = new KernelBuilder(`${name}_${spans}`, kind, lanes, [Number(ceilDiv(spans, lanes * each)), 1, 1]);
  const specs = 'bits' in compact ? codePlanes(compact.bits) : { values: { dtype: compact.float, per: 1 } };
  const buffers = Object.entries(specs).map(
    ([plane, { dtype, per }]) => [plane, per, k.buffer(plane, dtype, 'read', (spans * SPAN) / per)] as const,
  );
  const step = hasStep ? k.buffer('step', 'f32', 'read', 1) : undefined;
  const out = k.buffer('out', 'f32', 'write', spans * SPAN);
  k.for(0, each, 1, (i) => {
    const wanted = add(add(mul(k.group.x, lanes * each), mul(k.lane, each)), i);
    k.if(dimValue(wanted).lt(spans), () => {
      const span = k.index(dimValue(wanted), { min: 0, max: spans - 1 });
      const values = Object.fromEntries(
        buffers.map(([plane, per, b]) => [
          plane,
          Array.from({ length: SPAN / per }, (_, j) => k.load(b, add(mul(span, SPAN / per), j))),
        ]),
      );
      const by = step && k.load(step, 0);
      const all =
        'bits' in compact
          ? unpackCodes(values, compact.bits, SPAN, 0).map((c) => {
              const code = c.sub(2 ** (compact.bits - 1)).cast('f32');
              return by ? code.mul(by) : code;
            })
          : (values.values ?? []);
      all.forEach((v, j) => k.store(out, add(mul(span, SPAN), j), v));
    });
  });
  return k.done({
    op: 'expand',
    sources: [],
    template: name,
    why: 'weights are kept compact in the file and expanded when the model is loaded',
    bytes: spans * SPAN * 5,
    flops: spans * SPAN,
  });
}
