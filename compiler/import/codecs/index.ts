import type { BlockCodec } from './codec.ts';
import { q2k } from './q2-k.ts';
import { q3k } from './q3-k.ts';
import { q40, q41 } from './q4.ts';
import { q4k } from './q4-k.ts';
import { q50, q51 } from './q5.ts';
import { q5k } from './q5-k.ts';
import { q6k } from './q6-k.ts';
import { q80 } from './q8-0.ts';

/** The block formats of GGUF that infc reads: one file and one entry each. */
export const blockCodecs: ReadonlyMap<string, BlockCodec> = new Map(
  [q80, q40, q41, q50, q51, q2k, q3k, q4k, q5k, q6k].map((c) => [c.name, c]),
);
