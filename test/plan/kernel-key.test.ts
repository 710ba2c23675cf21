import { describe, expect, it } from 'vitest';
import { sym } from '../../compiler/ir/dim.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { kernelKey } from '../../compiler/plan/kernel-key.ts';

interface Choice {
  readonly name?: string;
  readonly factor?: number;
  readonly width?: 1 | 4;
  readonly buffer?: string;
  readonly swap?: boolean;
  readonly max?: number;
  readonly comment?: string;
}

function kernel({
  name = 'k',
  factor = 2,
  width = 1,
  buffer = 'a',
  swap = false,
  max = 64,
  comment = 'x',
}: Choice = {}): Kernel {
  const n = sym('n', { max });
  const k = new KernelBuilder(name, 'simd', 1, [n, 1, 1]);
  const a = k.buffer(buffer, 'f32', 'read', n);
  const b = k.buffer('b', 'f32', 'read', n);
  const out = k.buffer('out', 'f32', 'write', n);
  k.comment(comment);
  k.for(0, 4, 1, (i) => {
    const x = k.load(swap ? b : a, i, width);
    k.store(
      out,
      i,
      x
        .mul(factor)
        .add(x)
        .add(k.load(b, i, width)),
    );
  });
  return k.done({ op: name, sources: [name], template: '', why: '', bytes: 0, flops: 0 });
}

describe('kernelKey', () => {
  it('is equal for kernels that differ in names, notes and comments', () => {
    expect(kernelKey(kernel({ name: 'other', buffer: 'weights', comment: 'y' }))).toBe(kernelKey(kernel()));
  });

  it.each([{ factor: 3 }, { factor: -0 }, { width: 4 as const }, { swap: true }, { max: 128 }])(
    'differs for %j',
    (choice) => {
      expect(kernelKey(kernel(choice))).not.toBe(kernelKey(kernel()));
      if (choice.factor === 0) expect(kernelKey(kernel(choice))).not.toBe(kernelKey(kernel({ factor: 0 })));
    },
  );
});
