import { affineGroups, symmetricGroups } from './integer-groups.ts';

/** Integers with one scale a group. `q`: symmetric; `a`: affine, over the group's own range. */
export const q2g64 = symmetricGroups({ name: 'q2g64', bits: 2, scaled: 64 });
export const q3g32 = symmetricGroups({ name: 'q3g32', bits: 3, scaled: 32 });
export const q3g64 = symmetricGroups({ name: 'q3g64', bits: 3, scaled: 64 });
export const q4g64 = symmetricGroups({ name: 'q4g64', bits: 4, scaled: 64 });
export const q4g128 = symmetricGroups({ name: 'q4g128', bits: 4, scaled: 128 });
/** The contents of llama.cpp's Q5_0. */
export const q5g32 = symmetricGroups({ name: 'q5g32', bits: 5, scaled: 32 });
export const q6g32 = symmetricGroups({ name: 'q6g32', bits: 6, scaled: 32 });
export const a2g32 = affineGroups({ name: 'a2g32', bits: 2, scaled: 32 });
export const a2g64 = affineGroups({ name: 'a2g64', bits: 2, scaled: 64 });
export const a3g32 = affineGroups({ name: 'a3g32', bits: 3, scaled: 32 });
export const a3g64 = affineGroups({ name: 'a3g64', bits: 3, scaled: 64 });
/** The contents of llama.cpp's Q4_1 and Q5_1. */
export const a4g32 = affineGroups({ name: 'a4g32', bits: 4, scaled: 32 });
export const a5g32 = affineGroups({ name: 'a5g32', bits: 5, scaled: 32 });
/** The usual shape of GPTQ and AWQ checkpoints. */
export const a4g64 = affineGroups({ name: 'a4g64', bits: 4, scaled: 64 });
export const a4g128 = affineGroups({ name: 'a4g128', bits: 4, scaled: 128 });

export const integers = [
  q2g64,
  q3g32,
  q3g64,
  q4g64,
  q4g128,
  q5g32,
  q6g32,
  a2g32,
  a2g64,
  a3g32,
  a3g64,
  a4g32,
  a5g32,
  a4g64,
  a4g128,
] as const;
