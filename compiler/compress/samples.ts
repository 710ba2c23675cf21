import type { PlanGeneration } from '../../runtime/plan.ts';
import type { AnyEntry } from '../../runtime/session.ts';
import type { CalibrationRun } from './calibrate.ts';

/** Data like what a model will see: texts as token ids for language models, inputs of runs for the others. */
export type Samples =
  | { readonly kind: 'tokens'; readonly texts: readonly (readonly number[])[] }
  | {
      readonly kind: 'inputs';
      readonly inputs: readonly AnyEntry['inputs'][];
      /** Names of the samples, where they come from files. */
      readonly names?: readonly string[];
    };

export const countOf = (s: Samples): number => (s.kind === 'tokens' ? s.texts.length : s.inputs.length);

/** The first part for calibration, every `every`-th sample (at least one of two) held out for measuring; a single text is cut in two, a single input is both. */
export function holdOut(samples: Samples, every = 3): { readonly calibration: Samples; readonly heldOut: Samples } {
  const pick = <T>(list: readonly T[], held: boolean): T[] => {
    if (list.length < 2) return [...list];
    const step = Math.min(every, list.length);
    return list.filter((_, i) => (i % step === step - 1) === held);
  };
  if (samples.kind === 'tokens' && samples.texts.length === 1) {
    const [text = []] = samples.texts;
    const half = Math.ceil(text.length / 2);
    const piece = (ids: readonly number[]): Samples => ({ kind: 'tokens', texts: [ids.length > 0 ? ids : text] });
    return { calibration: piece(text.slice(0, half)), heldOut: piece(text.slice(half)) };
  }
  const part = (held: boolean): Samples =>
    samples.kind === 'tokens'
      ? { kind: 'tokens', texts: pick(samples.texts, held) }
      : { kind: 'inputs', inputs: pick(samples.inputs, held) };
  return { calibration: part(false), heldOut: part(true) };
}

/** The first `share` of the samples, at least one. */
export function firstOf(samples: Samples, share: number): Samples {
  const n = Math.max(1, Math.ceil(countOf(samples) * share));
  return samples.kind === 'tokens'
    ? { kind: 'tokens', texts: samples.texts.slice(0, n) }
    : { kind: 'inputs', inputs: samples.inputs.slice(0, n) };
}

/** Runs that feed the samples to a model: texts in the pieces that its prefill takes. */
export function* calibrationRuns(samples: Samples, generation?: PlanGeneration): Generator<CalibrationRun> {
  if (samples.kind === 'inputs') {
    for (const inputs of samples.inputs) yield { inputs };
    return;
  }
  const chunk = generation?.chunk ?? 128;
  const entry = generation?.entries.prefill ?? 'prefill';
  for (const text of samples.texts)
    for (let past = 0; past < text.length; past += chunk) {
      const ids = text.slice(past, past + chunk);
      const inputs = { input_ids: { shape: [1, ids.length], data: BigInt64Array.from(ids, BigInt) } };
      const symbols = generation?.kind === 'recurrent' ? {} : { symbols: { past } };
      yield { inputs, options: { entry, ...symbols }, ...(past === 0 ? { reset: true as const } : {}) };
    }
}
