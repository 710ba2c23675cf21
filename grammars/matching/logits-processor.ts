import { InfcError } from '../../runtime/errors.ts';
import { checkArgument } from '../options.ts';
import type { Matcher } from './matcher.ts';

/** Scores as transformers.js hands them over: `dims` are [sequences, tokens], `data` is a Float32Array. */
export interface LogitsTensor {
  readonly data: ArrayLike<unknown>;
  readonly dims: readonly number[];
}

type Sequences = readonly ArrayLike<number | bigint>[];

/** Masks the logits of a batch of sequences, each with a matcher of its own. */
export interface LogitsProcessor {
  /**
   * The form of transformers.js: `list.push(processor)` for a `LogitsProcessorList` that `model.generate({ ..., logits_processor: list })`
   * gets. What the sequences hold at the first call is the prompt. One processor serves one generation.
   *
   * @param sequences token ids of each sequence
   * @param logits a row of scores for each sequence; changed in place
   */
  <L extends LogitsTensor | readonly Float32Array[]>(sequences: Sequences, logits: L): L;
  /** The same, as the classes of transformers.js name it. */
  _call<L extends LogitsTensor | readonly Float32Array[]>(sequences: Sequences, logits: L): L;
  /**
   * The form for other runtimes, with raw rows of scores.
   *
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
    checkArgument(Array.isArray(sequences), 'the sequences', 'lists of token ids');
    checkArgument(Array.isArray(logits), 'the logits', 'a tensor, or rows of scores');
    sequences.forEach((ids, i) => {
      let matcher = matchers[i];
      if (!matcher) {
        matcher = create();
        matchers[i] = matcher;
        taken[i] = promptLength;
      }
      if (ids.length < (taken[i] ?? 0))
        throw new InfcError('INFC5030', 'a logits processor serves one generation, and this is another', {
          fix: 'Make one for each with asLogitsProcessor',
        });
      for (let at = taken[i] ?? 0; at < ids.length; at++) if (!matcher.done) matcher.commit(Number(ids[at]));
      taken[i] = ids.length;
      const row = logits[i];
      if (row) matcher.process(row);
    });
    return logits;
  };
  const call = <L extends LogitsTensor | readonly Float32Array[]>(sequences: Sequences, logits: L): L => {
    const prompt = taken.length === 0 ? sequences?.[0]?.length : undefined;
    process(sequences, rows(logits), prompt);
    return logits;
  };
  return Object.assign(call, { _call: call, process });
}

function rows(logits: LogitsTensor | readonly Float32Array[]): readonly Float32Array[] {
  if (typeof logits !== 'object' || !logits || !('dims' in logits)) return logits;
  const width = logits.dims.at(-1) ?? 0;
  const data = scores(logits.data);
  return Array.from({ length: width === 0 ? 0 : data.length / width }, (_, i) =>
    data.subarray(i * width, (i + 1) * width),
  );
}

/** The scores of tokens, from whatever realm. Throws INFC5029 for others. */
export function scores(given: unknown): Float32Array {
  if (!isFloats(given))
    throw new InfcError('INFC5029', 'the scores are not 32-bit floats', { fix: 'Convert them to a Float32Array' });
  return given;
}

function isFloats(given: unknown): given is Float32Array {
  return Object.prototype.toString.call(given) === '[object Float32Array]';
}
