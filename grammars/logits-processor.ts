import type { Matcher } from './matcher.ts';

/** Scores as transformers.js hands them over: `dims` are [sequences, tokens]. */
export interface LogitsTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

type Sequences = readonly ArrayLike<number | bigint>[];

/** Masks the logits of a batch of sequences, each with a matcher of its own. */
export interface LogitsProcessor {
  /**
   * The form of transformers.js: `model.generate({ ..., logits_processor: [processor] })`. What the sequences hold at the first call is
   * the prompt. One processor serves one generation.
   *
   * @param sequences token ids of each sequence
   * @param logits a row of scores for each sequence; changed in place
   */
  <L extends LogitsTensor | readonly Float32Array[]>(sequences: Sequences, logits: L): L;
  /**
   * @param sequences generated token ids of each sequence, the prompt left out or given by `promptLength`
   * @param logits one row of scores for each sequence; changed in place
   */
  process(sequences: Sequences, logits: readonly Float32Array[], promptLength?: number): readonly Float32Array[];
}

/** A processor whose sequences each start with a matcher from `create`. */
export function logitsProcessor(create: () => Matcher): LogitsProcessor {
  const matchers: Matcher[] = [];
  const taken: number[] = [];
  const process = (
    sequences: Sequences,
    logits: readonly Float32Array[],
    promptLength: number | undefined = 0,
  ): readonly Float32Array[] => {
    sequences.forEach((ids, i) => {
      let matcher = matchers[i];
      if (!matcher) {
        matcher = create();
        matchers[i] = matcher;
        taken[i] = promptLength;
      }
      for (let at = taken[i] ?? 0; at < ids.length; at++) if (!matcher.done) matcher.commit(Number(ids[at]));
      taken[i] = ids.length;
      const row = logits[i];
      if (row && !matcher.done) matcher.process(row);
    });
    return logits;
  };
  const call = <L extends LogitsTensor | readonly Float32Array[]>(sequences: Sequences, logits: L): L => {
    const prompt = taken.length === 0 ? sequences[0]?.length : undefined;
    process(sequences, rows(logits), prompt);
    return logits;
  };
  return Object.assign(call, { process });
}

function rows(logits: LogitsTensor | readonly Float32Array[]): readonly Float32Array[] {
  if (!('dims' in logits)) return logits;
  const width = logits.dims.at(-1) ?? 0;
  return Array.from({ length: width === 0 ? 0 : logits.data.length / width }, (_, i) =>
    logits.data.subarray(i * width, (i + 1) * width),
  );
}
