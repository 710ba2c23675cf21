import { describe, expect, it } from 'vitest';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { decodeModule } from '../../backends/wasm/decode.ts';
import { encodeModule } from '../../backends/wasm/encode.ts';
import { printWasm, printWat } from '../../backends/wasm/print.ts';
import { convSimd } from '../../backends/wasm/templates/conv.ts';
import { functionText } from '../../backends/wasm/wat.ts';
import { add, mul, sym } from '../../compiler/ir/dim.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { lowerOne } from '../kernels/template-request.ts';

function scaleRows(): Kernel {
  const n = sym('n', { min: 1 });
  const rows = sym('rows', { min: 1 });
  const k = new KernelBuilder('scale_rows', 'simd', 1, [rows, 1, 1]);
  const x = k.buffer('x', 'f32', 'read', mul(n, rows));
  const s = k.buffer('s', 'f32', 'read', rows);
  const y = k.buffer('y', 'f32', 'write', mul(n, rows));
  k.for(0, n, 4, (i) => {
    const at = add(mul(k.group.x, n), i);
    k.store(y, at, k.load(x, at, 4).mul(k.load(s, k.group.x)).max(0));
  });
  return k.done({ op: 'test', sources: [], template: 'test', why: 'test', bytes: 0, flops: 0 });
}

describe('Wasm text', () => {
  it('keeps what does not change in a loop outside of it', () => {
    expect(printWat([scaleRows()], wasmBackend.target())).toMatchSnapshot();
  });

  it('reads back the bytes it wrote', () => {
    const { lowered } = lowerOne(
      convSimd,
      wasmBackend.target(),
      'conv',
      [
        { dtype: 'f32', shape: [1, 3, sym('h', { min: 1 }), sym('w', { min: 1 })] },
        { dtype: 'f32', shape: [8, 3, 3, 3], data: new Float32Array(8 * 27) },
      ],
      { strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 },
      (b, y) => b.node('mul', [y, b.node('erf', [y])]),
    );
    const { content } = printWasm([scaleRows(), lowered.kernel], wasmBackend.target());
    if (typeof content === 'string') throw new TypeError('expected bytes');
    const functions = decodeModule(content);
    expect(functions.map((f) => f.name).sort()).toEqual(['k', 'scale_rows']);
    expect(encodeModule(functions, { shared: false })).toEqual(content);
    expect(functionText(functions[0] ?? { name: '', params: [], locals: [], body: [] })).toContain('v128.load');
  });

  it('refuses damaged bytes with an error', () => {
    const { content } = printWasm([scaleRows()], wasmBackend.target());
    if (typeof content === 'string') throw new TypeError('expected bytes');
    expect(() => decodeModule(content.subarray(0, content.length - 5))).toThrow(/INFC4022/);
  });
});
