import type { SparseSpeed } from '../../compiler/formats/sparse-speed.ts';

/**
 * `node test/bench/gemv.mjs --sparse` prints these lines: the slower of 1 x 2048 x 2048 and 1 x 1536 x 576, Node 20 on an x86-64 server core,
 * one thread, weights in memory.
 */
export const sparseSpeed: readonly SparseSpeed[] = [];
