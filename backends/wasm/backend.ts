import { defineBackend } from '../backend.ts';
import { cumulativeSimd } from '../templates/cumulative.ts';
import { printWasm } from './print.ts';
import { gainsFromRelaxed } from './relaxed.ts';
import { sparseSpeed } from './sparse-speed.ts';
import { attentionSimd } from './templates/attention.ts';
import { convSimd } from './templates/conv.ts';
import { convInteger } from './templates/conv-integer.ts';
import { convWinograd } from './templates/conv-winograd.ts';
import { gatherFormat } from './templates/gather-format.ts';
import { gemmSimd } from './templates/gemm.ts';
import { gemmFormat } from './templates/gemm-format.ts';
import { gemmInteger } from './templates/gemm-integer.ts';
import { poolSimd } from './templates/pool.ts';
import { rangeSimd } from './templates/range.ts';
import { recurrentSimd } from './templates/recurrent.ts';
import { skipZeros } from './templates/skip-zeros.ts';

/**
 * WebAssembly with 128-bit SIMD. Features: `threads` (shared memory) and `relaxed-simd` (fused multiply-add; only where a probe that
 * executes proved it right).
 */
export const wasmBackend = defineBackend({
  name: 'wasm',
  target: (features = []) => ({
    kind: 'wasm',
    features: new Set(features),
    kernels: 'simd',
    maxLanes: 1,
    sharedBytes: 1 << 20,
    vectorBytes: 16,
  }),
  supports: (dtype) => dtype !== 'string' && dtype !== 'c64' && dtype !== 'c128',
  templates: [
    gemmFormat,
    gatherFormat,
    gemmSimd,
    skipZeros,
    gemmInteger,
    convSimd,
    convInteger,
    convWinograd,
    attentionSimd,
    ...poolSimd,
    ...cumulativeSimd,
    rangeSimd,
    ...recurrentSimd,
  ],
  memory: { align: 16, maxBinding: 2 ** 32 - 65536, readWriteAlias: true },
  print: (kernels, target) => [printWasm(kernels, target)],
  variants: [
    {
      name: 'relaxed',
      features: ['relaxed-simd', 'relaxed-dot'],
      needs: ['relaxed-madd', 'relaxed-dot16'],
      applies: gainsFromRelaxed,
    },
  ],
  sparseSpeed,
  device: 'wasm',
});
