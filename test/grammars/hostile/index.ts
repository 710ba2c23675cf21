import { ALTERNATIVES } from './alternatives.ts';
import type { Hostile } from './case.ts';
import { CONTRADICTIONS } from './contradictions.ts';
import { GROWTH } from './growth.ts';
import { LISTED } from './listed.ts';
import { NUMBERS } from './numbers.ts';
import { PATTERNS } from './patterns.ts';
import { SIZE } from './size.ts';
import { TEXTS } from './texts.ts';
import { VOCABULARY } from './vocabulary.ts';

/** Input made to take long, or much memory, or to crash. */
export const HOSTILE: readonly Hostile[] = [
  ...ALTERNATIVES,
  ...LISTED,
  ...SIZE,
  ...NUMBERS,
  ...PATTERNS,
  ...CONTRADICTIONS,
  ...VOCABULARY,
  ...TEXTS,
  ...GROWTH,
];
