import type { SparseSpeed } from '../../compiler/formats/sparse-speed.ts';

/**
 * `node test/bench/gemv.mjs --sparse` prints these lines: 1 x 1536 x 576, weights in memory, one thread of an x86-64 server core; of Node, Node
 * with relaxed SIMD and Chromium the one where a format gains least.
 */
export const sparseSpeed: readonly SparseSpeed[] = [
  { format: 'bitmap-q8', zeros: 0.5, time: 1.1 },
  { format: 'bitmap-q8', zeros: 0.6, time: 0.94 },
  { format: 'bitmap-q8', zeros: 0.7, time: 0.78 },
  { format: 'bitmap-q8', zeros: 0.8, time: 0.63 },
  { format: '2of4-q8', zeros: 0.5, time: 1.02 },
  { format: '4of8-q8', zeros: 0.5, time: 1.02 },
  { format: '1of4-q8', zeros: 0.75, time: 0.56 },
  { format: '2of8-q8', zeros: 0.75, time: 0.57 },
  { format: 'block16x16-q8', zeros: 0.5, time: 1.59 },
  { format: 'block16x16-q8', zeros: 0.7, time: 1.22 },
  { format: 'gqsa-w8', zeros: 0.5, time: 2.51 },
  { format: 'bitmap-q4', zeros: 0.7, time: 1.41 },
  { format: '2of4-q4', zeros: 0.5, time: 1.96 },
  { format: '4of8-q4', zeros: 0.5, time: 1.64 },
  { format: '1of4-q4', zeros: 0.75, time: 0.92 },
  { format: 'block16x16-q4', zeros: 0.5, time: 3.3 },
  { format: 'block16x16-q4', zeros: 0.7, time: 2.5 },
  { format: 'gqsa-w4', zeros: 0.5, time: 3.46 },
  { format: 'bitmap-f16', zeros: 0.7, time: 0.68 },
  { format: '2of4-f16', zeros: 0.5, time: 1.12 },
  { format: 'block16x16-f16', zeros: 0.5, time: 1.11 },
  { format: 'block16x16-f16', zeros: 0.7, time: 0.9 },
  // `node test/bench/skip-zeros.mjs`: zeros among the activations; Node and Node with relaxed SIMD.
  { format: 'skip-zeros', zeros: 0.3, time: 1.38 },
  { format: 'skip-zeros', zeros: 0.5, time: 0.96 },
  { format: 'skip-zeros', zeros: 0.6, time: 0.74 },
  { format: 'skip-zeros', zeros: 0.7, time: 0.57 },
  { format: 'skip-zeros', zeros: 0.8, time: 0.39 },
  { format: 'skip-zeros', zeros: 0.9, time: 0.22 },
  { format: 'skip-zeros', zeros: 0.95, time: 0.12 },
];
