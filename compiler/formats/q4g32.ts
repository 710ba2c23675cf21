import { symmetricGroups } from './integer-groups.ts';

/**
 * 4-bit integers, symmetric, one f16 scale for 32 weights: w = scale * (code - 8) with codes in [1, 15], eight to a word, low nibble
 * first. 4.5 bits a weight; also the contents of llama.cpp's Q4_0.
 */
export const q4g32 = symmetricGroups({ name: 'q4g32', bits: 4, scaled: 32 });
