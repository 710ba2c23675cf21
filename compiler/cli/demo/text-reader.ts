import type { Picture } from './stroke-font.ts';

/** Height of the recogniser's input in pixels. */
export const LINE_HEIGHT = 48;

/** PP-OCR's input [1, 3, 48, width]: grey as three equal channels, scaled from [0, 255] to [-1, 1]. */
export function toInput({ width, height, pixels }: Picture): Float32Array {
  const plane = width * height;
  const out = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    const v = (pixels[i] ?? 0) / 127.5 - 1;
    out[i] = out[plane + i] = out[2 * plane + i] = v;
  }
  return out;
}
