/** How one model's next-token distributions differ from another's over the same text. */
export interface LogitsQuality {
  /** Positions compared. */
  readonly positions: number;
  /** Mean Kullback-Leibler divergence KL(reference || other), nats a token. */
  readonly kl: number;
  /** Texts that they are of. */
  readonly texts: number;
  /** Standard error of that mean: what other text of its kind may differ by. Places of one text resemble each other, so texts count, not places. */
  readonly klError: number;
  /** Its largest value over positions. */
  readonly klMax: number;
  /** Share of positions where both name the same most likely token. */
  readonly top1: number;
  /** exp of the mean negative log-likelihood of the text's own next tokens. */
  readonly perplexity: number;
  readonly referencePerplexity: number;
}

/** Adds up {@link LogitsQuality} over pieces of text. */
export class LogitsComparison {
  private positions = 0;
  private predicted = 0;
  private kl = 0;
  private klSquares = 0;
  /** Places of each text, and what they add up to. */
  private readonly texts: { places: number; kl: number }[] = [];
  private klMax = 0;
  private agreed = 0;
  private nll = 0;
  private referenceNll = 0;

  /** What is added from here on is of another text. */
  begin(): void {
    this.texts.push({ places: 0, kl: 0 });
  }

  /**
   * Logits of `next.length` positions, [positions, vocabulary] each; `next` are the tokens that follow in the text, -1 where unknown. Sums
   * are taken in double precision.
   */
  add(reference: Float32Array, other: Float32Array, vocabulary: number, next: ArrayLike<number>): void {
    for (let i = 0; i < next.length; i++) {
      const p = reference.subarray(i * vocabulary, (i + 1) * vocabulary);
      const q = other.subarray(i * vocabulary, (i + 1) * vocabulary);
      const [a, b] = [summaryOf(p), summaryOf(q)];
      let kl = 0;
      for (let v = 0; v < vocabulary; v++) {
        const lp = (p[v] ?? 0) - a.logSum;
        const lq = (q[v] ?? 0) - b.logSum;
        const weight = Math.exp(lp);
        if (weight > 0) kl += weight * (lp - lq);
      }
      // Rounding may leave a hair below zero.
      kl = Math.max(0, kl);
      this.positions++;
      this.kl += kl;
      this.klSquares += kl * kl;
      const text = this.texts.at(-1);
      if (text) {
        text.places++;
        text.kl += kl;
      }
      // NaN must not hide behind a comparison.
      if (!(kl <= this.klMax)) this.klMax = kl;
      if (a.top === b.top) this.agreed++;
      const token = next[i] ?? -1;
      if (token < 0) continue;
      this.predicted++;
      this.referenceNll += a.logSum - (p[token] ?? 0);
      this.nll += b.logSum - (q[token] ?? 0);
    }
  }

  /** Standard error of the mean over places when whole texts are what was drawn at random. */
  private errorOfTexts(): number {
    const count = this.texts.length;
    if (count < 2) return 0;
    const mean = this.kl / Math.max(1, this.positions);
    const squares = this.texts.reduce((s, t) => s + (t.kl - t.places * mean) ** 2, 0);
    return Math.sqrt((squares * count) / (count - 1)) / Math.max(1, this.positions);
  }

  finish(): LogitsQuality {
    const n = Math.max(1, this.positions);
    const m = Math.max(1, this.predicted);
    return {
      positions: this.positions,
      kl: this.kl / n,
      texts: this.texts.length,
      klError: Math.max(Math.sqrt(Math.max(0, this.klSquares / n - (this.kl / n) ** 2) / n), this.errorOfTexts()),
      klMax: this.klMax,
      top1: this.agreed / n,
      perplexity: Math.exp(this.nll / m),
      referencePerplexity: Math.exp(this.referenceNll / m),
    };
  }
}

/** Position of the largest logit and log of the sum of exponentials. */
function summaryOf(logits: Float32Array): { readonly top: number; readonly logSum: number } {
  let top = 0;
  for (let v = 1; v < logits.length; v++) if ((logits[v] ?? 0) > (logits[top] ?? 0)) top = v;
  const max = logits[top] ?? 0;
  let sum = 0;
  for (const l of logits) sum += Math.exp(l - max);
  return { top, logSum: max + Math.log(sum) };
}

/** How a tensor differs from what it should be. */
export interface TensorQuality {
  readonly elements: number;
  /** 1 when both point the same way; 1 for two zero tensors. */
  readonly cosine: number;
  /** Largest and mean |a - b|. */
  readonly maxError: number;
  readonly meanError: number;
  /** ||a - b|| / ||b||. */
  readonly relative: number;
  /**
   * Share of rows along the last axis whose largest element is at the same place: the accuracy against the reference, for classifiers. Rows
   * of one number are probabilities where all of them lie in [0, 1]: the share on the same side of one half; else nothing is decided: 1.
   */
  readonly top1: number;
  /** Rows compared. */
  readonly rows: number;
}

/** Length of the rows that a tensor's decisions are made in: its last axis; of [n, classes, 1, 1] the classes. */
export function rowLengthOf(shape: readonly number[]): number {
  let axis = shape.length - 1;
  while (axis > 1 && shape[axis] === 1) axis--;
  return Math.max(1, shape[axis] ?? 1);
}

/** Adds up {@link TensorQuality} over runs. */
export class TensorComparison {
  private elements = 0;
  private dot = 0;
  private a2 = 0;
  private b2 = 0;
  private maxError = 0;
  private sumError = 0;
  private error2 = 0;
  private rows = 0;
  private agreed = 0;
  /** Rows of one number that are on other sides of one half, and whether all could be probabilities. */
  private otherSide = 0;
  private areProbabilities = true;

  /** `rowLength` is the length of the last axis. */
  add(actual: ArrayLike<number>, reference: ArrayLike<number>, rowLength: number): void {
    let [topA, topB] = [0, 0];
    for (let i = 0; i < reference.length; i++) {
      const [a, b] = [actual[i] ?? Number.NaN, reference[i] ?? 0];
      const d = Math.abs(a - b);
      this.dot += a * b;
      this.a2 += a * a;
      this.b2 += b * b;
      if (!(d <= this.maxError)) this.maxError = d;
      this.sumError += d;
      this.error2 += d * d;
      if (rowLength === 1) {
        this.areProbabilities &&= b >= 0 && b <= 1;
        if (a >= 0.5 !== b >= 0.5) this.otherSide++;
      }
      const column = i % rowLength;
      if (column === 0) [topA, topB] = [i, i];
      if (a > (actual[topA] ?? 0)) topA = i;
      if (b > (reference[topB] ?? 0)) topB = i;
      if (column === rowLength - 1) {
        this.rows++;
        if (topA === topB) this.agreed++;
      }
    }
    this.elements += reference.length;
  }

  finish(): TensorQuality {
    const n = Math.max(1, this.elements);
    const norms = Math.sqrt(this.a2) * Math.sqrt(this.b2);
    return {
      elements: this.elements,
      cosine: norms === 0 ? (this.a2 === this.b2 ? 1 : 0) : this.dot / norms,
      maxError: this.maxError,
      meanError: this.sumError / n,
      relative: this.b2 === 0 ? (this.error2 === 0 ? 0 : Number.POSITIVE_INFINITY) : Math.sqrt(this.error2 / this.b2),
      rows: this.rows,
      top1: this.rows === 0 ? 1 : (this.agreed - (this.areProbabilities ? this.otherSide : 0)) / this.rows,
    };
  }
}
