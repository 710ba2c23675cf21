import { type Backend, defineBackend, type Target } from '../../backends/backend.ts';
import { type Dim, sub } from '../../compiler/ir/dim.ts';
import type { TensorType, Value } from '../../compiler/ir/graph.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import type { ScheduledItem } from '../../compiler/plan/schedule.ts';
import { ADD_F32, binaryF32, kernelModule, MUL_F32, mirrorF32 } from '../runtime/wasm-bytes.ts';

export const target: Target = {
  kind: 'wasm',
  features: new Set(),
  kernels: 'simd',
  maxLanes: 1,
  sharedBytes: 0,
  vectorBytes: 16,
};

/** A backend that knows three hand-encoded kernels of three f32 buffers: `add…`, `mul…`, and `mirror…` (a reversed, plus b). */
export const handBackend: Backend = defineBackend({
  name: 'hand',
  target: () => target,
  supports: (dtype) => dtype === 'f32',
  templates: [],
  memory: { align: 64, maxBinding: 2 ** 32, readWriteAlias: true },
  device: 'wasm',
  print: (kernels) => [
    {
      file: 'kernels.wasm',
      content: kernelModule(
        kernels.map((k) =>
          k.name.startsWith('mirror')
            ? mirrorF32(k.name)
            : binaryF32(k.name, k.name.startsWith('mul') ? MUL_F32 : ADD_F32),
        ),
      ),
      entries: new Map(kernels.map((k) => [k.name, k.name])),
    },
  ],
});

const elements = (type: TensorType): Dim => type.shape.reduce<Dim>((n, d) => (n === 1 ? d : n), 1);

let counter = 0;

/** c = a (op) b, as a scheduled kernel; shapes have at most one axis. */
export function binary(op: 'add' | 'mul' | 'mirror', a: Value, b: Value, c: Value): ScheduledItem {
  const n = elements(c.type);
  const k = new KernelBuilder(`${op}${counter++}`, 'simd', 1, [n, 1, 1]);
  const [x, y] = [k.buffer('a', 'f32', 'read', n), k.buffer('b', 'f32', 'read', n)];
  const out = k.buffer('c', 'f32', 'write', n);
  const [p, q] = [k.load(x, op === 'mirror' ? sub(sub(n, 1), k.group.x) : k.group.x), k.load(y, k.group.x)];
  k.store(out, k.group.x, op === 'mul' ? p.mul(q) : p.add(q));
  const built = k.done({ op, sources: ['hand'], template: 'hand', why: 'test', bytes: n, flops: n });
  // The hand-written code takes no scalars.
  const kernel: Kernel = { ...built, scalars: [] };
  const args = [a, b, c].map((value) => ({ kind: 'value' as const, value }));
  return { kind: 'kernel', lowered: { kernel, args } };
}

export const resetNames = (): void => {
  counter = 0;
};
