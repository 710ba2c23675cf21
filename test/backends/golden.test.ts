import { describe, expect, test } from 'vitest';
import { cudaBackend } from '../../backends/cuda/backend.ts';
import { printCuda } from '../../backends/cuda/print.ts';
import { wgslBackend } from '../../backends/wgsl/backend.ts';
import { printKernel } from '../../backends/wgsl/print.ts';
import { contractionCases } from '../kit/contraction-cases.ts';
import { compileWithNvcc, hasNvcc } from '../kit/cuda-cpu.ts';
import { hasDawn, validateWgsl } from '../kit/dawn.ts';
import { simtCases } from '../kit/simt-cases.ts';

// The printed text of a few kernels, for reviews: vitest -u writes the files. Each must also compile.
const SIMT = [
  'tanh_float',
  'mul_i64',
  'round_to_f16',
  'copy_i8',
  'vector_f32',
  'row_sum_64',
  'subgroup_xor',
  'pad_guard',
  'wide_grid',
];
const CONTRACTIONS = ['ragged', 'conv3x3', 'vector_symbolic', 'vector_q4g32'];

const kernels = (backend: typeof wgslBackend) => [
  ...simtCases()
    .filter((c) => SIMT.includes(c.kernel.name))
    .map((c) => ({ name: c.kernel.name, kernel: c.kernel })),
  ...contractionCases(backend)
    .filter((c) => CONTRACTIONS.includes(c.name))
    .map((c) => ({ name: c.name, kernel: c.kernel })),
];

describe('printed kernels', () => {
  const wgsl = kernels(wgslBackend).map(({ name, kernel }) => ({ name, ...printKernel(kernel) }));
  const cuda = kernels(cudaBackend).map(({ name, kernel }) => {
    const [file] = printCuda([kernel], cudaBackend.target());
    return { name, text: typeof file?.content === 'string' ? file.content : '' };
  });

  test.each(wgsl.map((k) => [k.name, k.text] as const))('%s.wgsl reads as recorded', async (name, text) => {
    await expect(text).toMatchFileSnapshot(`../golden/${name}.wgsl`);
  });
  test.each(cuda.map((k) => [k.name, k.text] as const))('%s.cu reads as recorded', async (name, text) => {
    await expect(text).toMatchFileSnapshot(`../golden/${name}.cu`);
  });
  test.skipIf(!hasDawn)(
    `the WGSL compiles${hasDawn ? '' : ' (npm webgpu is absent)'}`,
    async () => {
      expect(await validateWgsl(wgsl.map((k) => ({ name: k.name, code: k.text, entry: k.entry })))).toEqual([]);
    },
    60_000,
  );
  test.skipIf(!hasNvcc).each(cuda.map((k) => [k.name, k.text] as const))(
    `%s.cu compiles${hasNvcc ? '' : ' (nvcc is absent)'}`,
    async (_, text) => {
      expect(await compileWithNvcc(text)).toBe('');
    },
    60_000,
  );
});
