import { denseBf16, denseF16, denseF32 } from './dense.ts';
import type { StorageFormat } from './format.ts';
import { q4g32 } from './q4g32.ts';
import { q8g32 } from './q8g32.ts';

/** The storage formats infc ships. */
export const formats: readonly StorageFormat[] = [denseF32, denseF16, denseBf16, q8g32, q4g32];
