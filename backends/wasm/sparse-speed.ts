import type { SparseSpeed } from '../../compiler/formats/sparse-speed.ts';

/**
 * `node test/bench/gemv.mjs --sparse` prints these lines: 1 x 1536 x 576, weights in memory, one thread of an x86-64 server core; of Node, Node
 * with relaxed SIMD and Chromium the one where a format gains least.
 */
export const sparseSpeed: readonly SparseSpeed[] = [
  { format: 'bitmap-q8', zeros: 0.5, time: 1.13 },
  { format: 'bitmap-q8', zeros: 0.6, time: 0.94 },
  { format: 'bitmap-q8', zeros: 0.7, time: 0.76 },
  { format: 'bitmap-q8', zeros: 0.8, time: 0.62 },
  { format: '2of4-q8', zeros: 0.5, time: 1.02 },
  { format: '4of8-q8', zeros: 0.5, time: 1.0 },
  { format: '1of4-q8', zeros: 0.75, time: 0.54 },
  { format: '2of8-q8', zeros: 0.75, time: 0.54 },
  { format: 'block16x16-q8', zeros: 0.5, time: 3.64 },
  { format: 'gqsa-w8', zeros: 0.5, time: 3.72 },
  { format: 'bitmap-q4', zeros: 0.7, time: 1.54 },
  { format: '2of4-q4', zeros: 0.5, time: 1.77 },
  { format: '4of8-q4', zeros: 0.5, time: 1.74 },
  { format: '1of4-q4', zeros: 0.75, time: 1.04 },
  { format: 'block16x16-q4', zeros: 0.5, time: 5.58 },
  { format: 'gqsa-w4', zeros: 0.5, time: 5.72 },
  { format: 'gqsa-w4', zeros: 0.7, time: 3.6 },
  { format: 'bitmap-f16', zeros: 0.7, time: 0.72 },
  { format: '2of4-f16', zeros: 0.5, time: 1.19 },
  { format: 'block16x16-f16', zeros: 0.5, time: 1.34 },
  // `node test/bench/skip-zeros.mjs`: zeros among the activations; Node and Node with relaxed SIMD.
  { format: 'skip-zeros', zeros: 0.3, time: 1.38 },
  { format: 'skip-zeros', zeros: 0.5, time: 0.96 },
  { format: 'skip-zeros', zeros: 0.6, time: 0.74 },
  { format: 'skip-zeros', zeros: 0.7, time: 0.57 },
  { format: 'skip-zeros', zeros: 0.8, time: 0.39 },
  { format: 'skip-zeros', zeros: 0.9, time: 0.22 },
  { format: 'skip-zeros', zeros: 0.95, time: 0.12 },
];
