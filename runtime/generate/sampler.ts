import { InfcError } from '../errors.ts';
import type { Sampling } from './api.ts';
import { expNegative } from './exponential.ts';
import { forEachAllowed, type MaskSource, without } from './masks.ts';
import { Random } from './random.ts';
import { keepLargest, keepMass } from './select.ts';

export type { Sampling } from './api.ts';

/** Throws INFC6404 naming the option that is out of range. */
export function checkSampling(s: Sampling): void {
  const rules: readonly (readonly [keyof Sampling, string, (v: number) => boolean])[] = [
    ['temperature', '0 or more', (v) => v >= 0],
    ['topK', 'a whole number, 0 or more', (v) => Number.isInteger(v) && v >= 0],
    ['topP', 'above 0 and at most 1', (v) => v > 0 && v <= 1],
    ['minP', '0 to 1', (v) => v >= 0 && v <= 1],
    ['repetitionPenalty', 'above 0', (v) => v > 0],
    ['seed', 'a whole number, 0 or more', (v) => Number.isSafeInteger(v) && v >= 0],
  ];
  for (const [name, rule, holds] of rules) {
    const value = s[name];
    if (value !== undefined && !(Number.isFinite(value) && holds(value)))
      throw new InfcError('INFC6404', `${name} is ${value}; it must be ${rule}`, { fix: 'Change it, or leave it out' });
  }
}

/** Candidates and their weights: token `ids[i]` has probability `weights[i] / total`. */
export class Distribution {
  readonly ids: Int32Array;
  readonly weights: Float64Array;
  count = 0;
  total = 0;

  constructor(vocabulary: number) {
    this.ids = new Int32Array(vocabulary);
    this.weights = new Float64Array(vocabulary);
  }

  /** The token at a place `u` in [0, 1) of the cumulative weights. */
  draw(u: number): number {
    let rest = u * this.total;
    let last = -1;
    for (let i = 0; i < this.count; i++) {
      const w = this.weights[i] ?? 0;
      if (w === 0) continue;
      last = this.ids[i] ?? 0;
      if (rest < w) return last;
      rest -= w;
    }
    return last; // rounding only
  }

  /** Leaves a candidate out; false when nothing of weight is left. */
  drop(token: number): boolean {
    const i = this.ids.subarray(0, this.count).indexOf(token);
    if (i >= 0) this.weights[i] = 0;
    this.total = sum(this.weights, this.count);
    return this.total > 0;
  }

  /** Writes probabilities by token into `dense`, zero elsewhere. */
  spread(dense: Float64Array): Float64Array {
    dense.fill(0);
    for (let i = 0; i < this.count; i++) dense[this.ids[i] ?? 0] = (this.weights[i] ?? 0) / this.total;
    return dense;
  }
}

/** After so many refused tokens in one place the text ends as soon as it can. */
const MANY = 8;

function sum(weights: Float64Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[i] ?? 0;
  return total;
}

/** Chooses tokens from logits. Logits are read in place and not copied; a repetition penalty changes them. */
export class Sampler {
  private readonly counts = new Map<number, number>();
  private readonly random: Random;
  private readonly candidates: Distribution;
  private readonly penalty: number;

  constructor(
    readonly vocabulary: number,
    private readonly options: Sampling,
    prompt: readonly number[] = [],
  ) {
    checkSampling(options);
    this.random = new Random(options.seed ?? 0);
    this.penalty = options.repetitionPenalty ?? 1;
    this.candidates = new Distribution(options.temperature ? vocabulary : 0);
    if (this.penalty !== 1) for (const t of prompt) this.see(t);
  }

  /** Whether every choice is the likeliest token. */
  get greedy(): boolean {
    return !this.options.temperature;
  }

  /** Remembers a token for the repetition penalty. */
  see(token: number): void {
    if (this.penalty !== 1) this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
  }

  /** Takes back {@link see}. */
  forget(token: number): void {
    const n = this.counts.get(token) ?? 0;
    if (n > 1) this.counts.set(token, n - 1);
    else this.counts.delete(token);
  }

  uniform(): number {
    return this.random.next();
  }

  /** The next token: {@link prepare}, then {@link pick}. */
  choose(logits: Float32Array, masks?: MaskSource): number {
    this.prepare(logits);
    return this.pick(logits, masks);
  }

  /** Applies the repetition penalty, once for each row of logits. */
  prepare(logits: Float32Array): void {
    if (this.penalty === 1) return;
    for (const t of this.counts.keys()) {
      const l = logits[t];
      if (l !== undefined) logits[t] = l > 0 ? l / this.penalty : l * this.penalty;
    }
  }

  /** A token that the masks take; it is remembered for the penalty. Throws INFC6405 or INFC6414 when there is none. */
  pick(logits: Float32Array, masks?: MaskSource): number {
    let mask = masks?.mask();
    let among = this.greedy ? undefined : this.distribution(logits, mask);
    for (let refused = 1; ; refused++) {
      const token = among ? among.draw(this.uniform()) : argmax(logits, mask);
      if (!masks || !mask || masks.tryCommit(token)) {
        this.see(token);
        return token;
      }
      // Refusals are rare, but come in numbers where a text must end: then it does.
      const whole = refused === MANY ? masks.soonest?.() : undefined;
      mask = whole ?? without(mask, token);
      if (among && (whole || this.limited || !among.drop(token))) among = this.distribution(logits, mask);
    }
  }

  /** Whether candidates are left out, so that others take the place of those that are refused. */
  private get limited(): boolean {
    const { topK = 0, topP = 1, minP = 0 } = this.options;
    return topK > 0 || topP < 1 || minP > 0;
  }

  /** Candidates with their weights; valid until the next call. */
  distribution(logits: Float32Array, mask?: Uint32Array, out = this.candidates): Distribution {
    const { temperature = 1, topK = 0, topP = 1, minP = 0 } = this.options;
    const { ids, weights } = out;
    const most = logits[argmax(logits, mask)] ?? 0;
    // Below this a weight is zero (see expNegative): such tokens are no candidates.
    const least = most - 44 * temperature;
    let n = 0;
    const consider = (t: number): void => {
      const l = logits[t] ?? Number.NEGATIVE_INFINITY;
      if (!(l > least)) return;
      ids[n] = t;
      weights[n] = expNegative((l - most) / temperature);
      n++;
    };
    if (mask) forEachAllowed(mask, consider);
    else for (let t = 0; t < logits.length; t++) consider(t);
    if (topK > 0 && n > topK) {
      keepLargest(ids, weights, n, topK);
      n = topK;
    }
    if (topP < 1) n = keepMass(ids, weights, n, topP);
    if (minP > 0) {
      let kept = 0;
      for (let i = 0; i < n; i++) {
        if ((weights[i] ?? 0) < minP) continue;
        ids[kept] = ids[i] ?? 0;
        weights[kept] = weights[i] ?? 0;
        kept++;
      }
      n = kept;
    }
    out.count = n;
    out.total = sum(weights, n);
    return out;
  }
}

/** The allowed token with the largest logit, the lowest id among equals. Throws INFC6405 or INFC6414 when there is none. */
export function argmax(logits: Float32Array, mask?: Uint32Array): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let t = 0; t < logits.length; t++) {
    const word = mask ? mask[t >>> 5] : -1;
    if (!word) {
      t |= 31;
      continue;
    }
    const l = logits[t] ?? Number.NEGATIVE_INFINITY;
    if (l > most && (word >>> (t & 31)) & 1) {
      most = l;
      best = t;
    }
  }
  if (best >= 0 && most < Number.POSITIVE_INFINITY) return best;
  if (mask?.every((word) => word === 0))
    throw new InfcError('INFC6414', 'the constraint allows no token here: the tokenizer cannot spell what must come', {
      fix: 'Change the constraint, or use a model whose tokenizer has these characters',
    });
  throw new InfcError('INFC6405', 'no token that may come has a finite logit', {
    fix: 'Check the model with infc verify',
  });
}
