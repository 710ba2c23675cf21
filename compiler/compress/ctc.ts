/** The alphabet of a recogniser: class 0 is CTC's blank, then the lines of the dictionary, then the space. */
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
