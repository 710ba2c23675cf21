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

/** The model's alphabet: class 0 is CTC's blank, then the lines of the dictionary, then the space. */
export const alphabetOf = (dictionary: string): readonly string[] => [
  '',
  ...dictionary.replace(/\r?\n$/, '').split(/\r?\n/),
  ' ',
];

/** Greedy CTC decoding of [steps, classes] probabilities: best class of each step, repeats merged, blanks dropped (Graves et al. 2006). */
export function decodeCtc(
  scores: ArrayLike<number>,
  classes: number,
  alphabet: readonly string[],
): { text: string; confidence: number } {
  let text = '';
  let sum = 0;
  let kept = 0;
  let last = 0;
  for (let at = 0; at + classes <= scores.length; at += classes) {
    let best = 0;
    for (let c = 1; c < classes; c++) if ((scores[at + c] ?? 0) > (scores[at + best] ?? 0)) best = c;
    if (best !== 0 && best !== last) {
      text += alphabet[best] ?? '';
      sum += scores[at + best] ?? 0;
      kept++;
    }
    last = best;
  }
  return { text, confidence: kept === 0 ? 0 : sum / kept };
}
