import { superBlocks } from './super-blocks.ts';

/** The contents of llama.cpp's K-quants, 256 weights a super-block. */
export const q2k = superBlocks({ name: 'q2_k', bits: 2, sub: 16, affine: true, mostScale: 15 });
export const q3k = superBlocks({ name: 'q3_k', bits: 3, sub: 16, affine: false, mostScale: 31 });
export const q4k = superBlocks({ name: 'q4_k', bits: 4, sub: 32, affine: true, mostScale: 63 });
export const q5k = superBlocks({ name: 'q5_k', bits: 5, sub: 32, affine: true, mostScale: 63 });
export const q6k = superBlocks({ name: 'q6_k', bits: 6, sub: 16, affine: false, mostScale: 127 });

export const kQuants = [q2k, q3k, q4k, q5k, q6k] as const;
