import { InfcError } from '../../runtime/errors.ts';
import { openDecoder } from '../../runtime/generate/open-decoder.ts';
import type { HostTensor } from '../../runtime/host.ts';
import type { AnyEntry, Model, RunOptions } from '../../runtime/session.ts';
import { numbersOf, typedData } from '../tensor-values.ts';
import { LogitsComparison, type LogitsQuality, rowLengthOf, TensorComparison, type TensorQuality } from './quality.ts';
import type { Samples } from './samples.ts';

/** How much worse a model is than the one it is measured against. */
export type Damage =
  | ({ readonly kind: 'tokens' } & LogitsQuality)
  | { readonly kind: 'inputs'; readonly outputs: Readonly<Record<string, TensorQuality>> };

/** One number for a budget: the mean KL divergence of language models, the largest relative error of an output of others. */
export const damageOf = (d: Damage): number =>
  d.kind === 'tokens' ? d.kl : Math.max(0, ...Object.values(d.outputs).map((o) => o.relative));

/** Share of decisions (most likely token, largest element of a row) that changed. */
export const dropOf = (d: Damage): number =>
  1 - (d.kind === 'tokens' ? d.top1 : Math.min(1, ...Object.values(d.outputs).map((o) => o.top1)));

/** Positions of a text that go through both models at once. */
const WINDOW = 16;

export interface MeasureOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** Sees what both models give for a sample, not for language models. */
  readonly onOutputs?: (sample: number, reference: Outputs, other: Outputs) => void;
}

/** The model, with the outputs of inputs it has run remembered: for comparing several models with one. */
export function remembering(model: Model): Model {
  const known = new WeakMap<object, Promise<Awaited<ReturnType<Model['run']>>>>();
  return Object.create(model, {
    reset: { value: () => model.reset() },
    run: {
      value: (inputs: AnyEntry['inputs'], options?: RunOptions) => {
        const run = known.get(inputs) ?? model.run(inputs, options);
        known.set(inputs, run);
        return run;
      },
    },
  }) as Model;
}

export type Outputs = Readonly<Record<string, HostTensor>>;

/** Runs both models on the samples. Throws INFC2082 when there are none and INFC2083 when a model has not the same outputs. */
export async function measureDamage(
  reference: Model,
  other: Model,
  samples: Samples,
  options: MeasureOptions = {},
): Promise<Damage> {
  return samples.kind === 'tokens'
    ? measureTokens(reference, other, samples.texts, options)
    : measureInputs(reference, other, samples.inputs, options);
}

const none = (): InfcError =>
  new InfcError('INFC2082', 'there is no data to measure on', { fix: 'Give at least one text or input' });

async function measureTokens(
  a: Model,
  b: Model,
  texts: readonly (readonly number[])[],
  o: MeasureOptions,
): Promise<Damage> {
  const [ga, gb] = [a.plan.generation, b.plan.generation];
  if (!ga || !gb || ga.vocabulary !== gb.vocabulary)
    throw new InfcError('INFC2083', 'these are not two language models of one vocabulary', {
      fix: 'Compare two compilations of one model',
    });
  const [reference, other] = [openDecoder(a, ga), openDecoder(b, gb)];
  const comparison = new LogitsComparison();
  const context = Math.min(reference.context, other.context);
  for (const [i, whole] of texts.entries()) {
    const text = whole.slice(0, context);
    comparison.begin();
    await reference.truncate(0);
    await other.truncate(0);
    for (let at = 0; at < text.length; at += WINDOW) {
      const ids = text.slice(at, at + WINDOW);
      const p = await reference.forward(ids, 'all', o.signal);
      const q = await other.forward(ids, 'all', o.signal);
      comparison.add(
        p,
        q,
        ga.vocabulary,
        ids.map((_, j) => text[at + j + 1] ?? -1),
      );
    }
    o.onProgress?.(i + 1, texts.length);
  }
  const quality = comparison.finish();
  if (quality.positions === 0) throw none();
  return { kind: 'tokens', ...quality };
}

async function measureInputs(
  a: Model,
  b: Model,
  inputs: readonly AnyEntry['inputs'][],
  o: MeasureOptions,
): Promise<Damage> {
  const comparisons = new Map<string, TensorComparison>();
  for (const [i, one] of inputs.entries()) {
    a.reset();
    b.reset();
    const signal = o.signal ? { signal: o.signal } : {};
    const expected = await a.run(one, signal);
    const actual = await b.run(one, signal);
    o.onOutputs?.(i, expected, actual);
    for (const [name, e] of Object.entries(expected)) {
      const got = actual[name];
      if (got?.shape.join() !== e.shape.join())
        throw new InfcError('INFC2083', `output '${name}' is [${got?.shape}] here, [${e.shape}] there`, {
          fix: 'Compare two compilations of one model',
        });
      // Strings have no distance.
      if (!typedData(e) || !typedData(got)) continue;
      const c = comparisons.get(name) ?? new TensorComparison();
      comparisons.set(name, c);
      c.add(numbersOf(got), numbersOf(e), rowLengthOf(e.shape));
    }
    o.onProgress?.(i + 1, inputs.length);
  }
  if (inputs.length === 0) throw none();
  return { kind: 'inputs', outputs: Object.fromEntries([...comparisons].map(([n, c]) => [n, c.finish()])) };
}
