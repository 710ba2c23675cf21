import { checkTokens, type Decoder, type Wanted } from '../../runtime/generate/decoder.ts';
import { Random } from '../../runtime/generate/random.ts';

/** A language model of few tokens whose logits depend on the last two: exact probabilities can be enumerated. It counts its work. */
export class Toy implements Decoder {
  tokens: readonly number[] = [];
  /** Tokens taken in all, and runs. */
  taken = 0;
  runs = 0;

  constructor(
    readonly vocabulary: number,
    readonly context = 64,
    private readonly seed = 1,
    private readonly sharpness = 2,
  ) {}

  /** Logits after a text. */
  logits(text: readonly number[]): Float32Array {
    const random = new Random(this.seed * 7919 + (text.at(-1) ?? 0) * 31 + (text.at(-2) ?? 0) * 101 + 5);
    return Float32Array.from({ length: this.vocabulary }, () => this.sharpness * (random.next() * 2 - 1));
  }

  async forward(tokens: readonly number[], wanted: Wanted, signal?: AbortSignal): Promise<Float32Array> {
    signal?.throwIfAborted();
    checkTokens(this, tokens);
    this.runs++;
    this.taken += tokens.length;
    const rows: number[] = [];
    for (const token of tokens) {
      this.tokens = [...this.tokens, token];
      if (wanted === 'all') rows.push(...this.logits(this.tokens));
    }
    return wanted === 'none'
      ? new Float32Array()
      : wanted === 'last'
        ? this.logits(this.tokens)
        : Float32Array.from(rows);
  }

  async truncate(length: number): Promise<void> {
    this.tokens = this.tokens.slice(0, length);
  }

  async fork(): Promise<Toy> {
    const other = new Toy(this.vocabulary, this.context, this.seed, this.sharpness);
    other.tokens = this.tokens;
    return other;
  }

  /** Probabilities after a text at temperature 1. */
  probabilities(text: readonly number[]): number[] {
    const weights = Array.from(this.logits(text), Math.exp);
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((w) => w / total);
  }
}

/** Pearson's statistic of counts against expected ones, and the value it stays below in all but one of a million runs (Wilson-Hilferty). */
export function chiSquare(
  counts: readonly number[],
  expected: readonly number[],
): { statistic: number; limit: number } {
  let statistic = 0;
  let cells = 0;
  counts.forEach((n, i) => {
    const e = expected[i] ?? 0;
    if (e < 1e-9) {
      if (n > 0) statistic = Number.POSITIVE_INFINITY;
      return;
    }
    statistic += (n - e) ** 2 / e;
    cells++;
  });
  const df = Math.max(1, cells - 1);
  const limit = df * (1 - 2 / (9 * df) + 4.75 * Math.sqrt(2 / (9 * df))) ** 3;
  return { statistic, limit };
}
