import { describe, expect, test } from 'vitest';
import { cudaBackend } from '../../backends/cuda/backend.ts';
import { printCuda } from '../../backends/cuda/print.ts';
import { interpret } from '../../backends/reference/interpret.ts';
import { wgslBackend } from '../../backends/wgsl/backend.ts';
import { printKernel } from '../../backends/wgsl/print.ts';
import { evaluate } from '../../compiler/ir/dim.ts';
import { type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { type ContractionCase, contractionCases } from '../kit/contraction-cases.ts';
import { compileWithNvcc, hasGxx, hasNvcc, runCudaOnCpu } from '../kit/cuda-cpu.ts';
import { hasDawn, hasSwiftShader, runWgsl, validateWgsl, wgslJob } from '../kit/dawn.ts';
import { bytesOf } from '../kit/simt-case.ts';

const wgsl = contractionCases(wgslBackend);
const cuda = contractionCases(cudaBackend);

function differenceOf(c: ContractionCase, got: TypedArray): string {
  const dtype = c.kernel.buffers[c.output]?.storage ?? 'f32';
  const [a, b] = [numbersOf({ dtype, data: got }), numbersOf({ dtype, data: c.want })];
  const allowed = dtype === 'f16' ? 2e-3 : 1e-4;
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs((a[i] ?? Number.NaN) - (b[i] ?? 0));
    if (!(d <= allowed * Math.max(1, Math.abs(b[i] ?? 0)))) return `${c.name}[${i}]: got ${a[i]}, want ${b[i]}`;
  }
  return '';
}

const gridOf = (c: ContractionCase): [number, number, number] => {
  const [x, y, z] = c.kernel.grid;
  return [evaluate(x, c.scalars), evaluate(y, c.scalars), evaluate(z, c.scalars)];
};

const fromBytes = (c: ContractionCase, buffers: readonly Uint8Array[]): TypedArray => {
  const bytes = buffers[c.output] ?? new Uint8Array();
  const padded = new ArrayBuffer(Math.ceil(bytes.byteLength / 8) * 8);
  new Uint8Array(padded).set(bytes);
  return viewOf(c.kernel.buffers[c.output]?.storage ?? 'f32', padded, 0, c.want.length);
};

describe('contraction templates', () => {
  test.each(wgsl.map((c) => [c.name, c] as const))('%s is right in the interpreter at every subgroup size', (_, c) => {
    for (const subgroupSize of [4, 32, 128]) {
      const data = c.data.map((a) => a.slice());
      interpret(c.kernel, data, c.scalars, { subgroupSize });
      expect(differenceOf(c, data[c.output] ?? new Float32Array())).toBe('');
    }
  });

  test('the large tile of CUDA is right in the interpreter', () => {
    const c = cuda.find((x) => x.name === 'square');
    if (!c) throw new Error('no case');
    expect(c.kernel.lanes).toBe(256);
    const data = c.data.map((a) => a.slice());
    interpret(c.kernel, data, c.scalars);
    expect(differenceOf(c, data[c.output] ?? new Float32Array())).toBe('');
  });

  test.skipIf(!hasDawn)(`WGSL compiles${hasDawn ? '' : ' (npm webgpu is absent)'}`, async () => {
    const printed = wgsl.map((c) => {
      const { text, entry } = printKernel(c.kernel);
      return { name: c.name, code: text, entry };
    });
    expect(await validateWgsl(printed)).toEqual([]);
  });

  test.skipIf(!hasSwiftShader)(
    `WGSL agrees on SwiftShader${hasSwiftShader ? '' : ' (chromium with SwiftShader is absent)'}`,
    async () => {
      const jobs = wgsl.map((c) => wgslJob(c.kernel, printKernel(c.kernel), c.data.map(bytesOf), c.scalars, gridOf(c)));
      const results = await runWgsl(jobs);
      const wrong = results.map((r, i) => {
        const c = wgsl[i];
        return !c ? '' : 'error' in r ? r.error : differenceOf(c, fromBytes(c, r.buffers));
      });
      expect(wrong.filter(Boolean)).toEqual([]);
    },
    300_000,
  );

  const [file] = printCuda(
    cuda.map((c, i) => ({ ...c.kernel, name: `${c.kernel.name}_${i}` })),
    cudaBackend.target(),
  );
  const source = typeof file?.content === 'string' ? file.content : '';

  test.skipIf(!hasNvcc)(
    `CUDA compiles with nvcc${hasNvcc ? '' : ' (nvcc is absent)'}`,
    async () => {
      expect(await compileWithNvcc(source)).toBe('');
    },
    240_000,
  );

  test.skipIf(!hasGxx)(
    `CUDA agrees under the CPU shim${hasGxx ? '' : ' (g++ is absent)'}`,
    async () => {
      const launches = cuda.map((c, i) => ({
        kernel: c.kernel,
        entry: file?.entries.get(`${c.kernel.name}_${i}`) ?? '',
        data: c.data.map(bytesOf),
        scalars: c.scalars,
        grid: gridOf(c),
      }));
      const results = await runCudaOnCpu(source, launches, 'shuffle');
      const wrong = results.map((r, i) => {
        const c = cuda[i];
        return c ? differenceOf(c, fromBytes(c, r)) : '';
      });
      expect(wrong.filter(Boolean)).toEqual([]);
    },
    300_000,
  );
});
