import { denseF16 } from './dense.ts';
import { defineFormat, type Sparse, type StorageFormat } from './format.ts';
import { symmetricGroups } from './integer-groups.ts';
import { byteGroups } from './q8g32.ts';

/** A format that keeps only the blocks with a weight that is not zero, each stored as `kept` stores it. */
const inBlocks = (name: string, kept: StorageFormat, sparse: Sparse): StorageFormat =>
  defineFormat({ ...kept, name, sparse });

const SQUARE = { rows: 16, columns: 16 };
const pattern = 'block:16x16';

/** Blocks of 16 rows and 16 columns (block sparse rows). */
export const sparseBlocks: readonly StorageFormat[] = [
  inBlocks('block16x16-f16', denseF16, { pattern, dense: 'dense-f16', blocks: SQUARE }),
  inBlocks('block16x16-q8', byteGroups('q8g16', 16), { pattern, dense: 'q8g32', blocks: SQUARE }),
  inBlocks('block16x16-q4', symmetricGroups({ name: 'q4g16', bits: 4, scaled: 16 }), {
    pattern,
    dense: 'q4g32',
    blocks: SQUARE,
  }),
  // GQSA (Zeng et al. 2024): groups of 16 weights of a row are kept or dropped, those kept are quantized with a scale of their own.
  ...([4, 8] as const).map((bits) =>
    inBlocks(
      `gqsa-w${bits}`,
      bits === 4 ? symmetricGroups({ name: 'q4g16', bits: 4, scaled: 16 }) : byteGroups('q8g16', 16),
      { pattern: `gqsa:w${bits}`, dense: `q${bits}g32`, blocks: { rows: 1, columns: 16 } },
    ),
  ),
];
