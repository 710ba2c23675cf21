import type { Matcher } from '../matching/matcher.ts';

interface Node {
  /** Expected share of the model's mass after this prefix that stays in the grammar: an upper bound that samples sharpen. */
  mass: number;
  /** Probability of all allowed tokens together, once known. */
  allowed: number | undefined;
  readonly children: Map<number, { readonly probability: number; readonly node: Node }>;
}

function fresh(): Node {
  return { mass: 1, allowed: undefined, children: new Map() };
}

/**
 * Adaptive sampling with approximate expected futures (Park et al., "Grammar-Aligned Decoding", 2024). Masking alone favours prefixes that
 * look likely but whose continuations the grammar forbids; this remembers, over repeated samples of one prompt, how much of the model's
 * mass survived after each prefix, and weighs tokens by it. In the limit samples follow the model's own distribution under the grammar.
 */
export class AlignedSampler {
  readonly #root = fresh();
  #samples = 0;

  /** Upper bound on the model's probability of any text of the grammar; exact once all prefixes have been seen. */
  get mass(): number {
    return this.#root.mass;
  }

  /** Finished samples so far. */
  get samples(): number {
    return this.#samples;
  }

  /** Starts one sample. */
  begin(): AlignedSample {
    return new AlignedSample(this.#root, () => {
      this.#samples++;
    });
  }
}

/** One sample of an {@link AlignedSampler}: for every step {@link adjust}, then {@link take}; at the end {@link finish}. */
export class AlignedSample {
  readonly #path: Node[];
  #probabilities: { readonly logits: Float32Array; readonly logTotal: number } | undefined;
  readonly #done: () => void;
  #finished = false;

  constructor(root: Node, done: () => void) {
    this.#path = [root];
    this.#done = done;
  }

  /**
   * Turns raw logits into those to sample from, in place: disallowed tokens get -Infinity, tokens that samples went through before are
   * lowered by the mass that survives after them. Temperature and top-k belong before this call.
   */
  adjust(logits: Float32Array, matcher: Matcher): Float32Array {
    const node = this.#path.at(-1);
    if (!node) return logits;
    let highest = Number.NEGATIVE_INFINITY;
    for (const logit of logits) if (logit > highest) highest = logit;
    const raw = logits.slice();
    let total = 0;
    let kept = 0;
    const words = matcher.mask();
    for (let token = 0; token < logits.length; token++) {
      const share = Math.exp((logits[token] ?? 0) - highest);
      total += share;
      if (((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) kept += share;
      else logits[token] = Number.NEGATIVE_INFINITY;
    }
    node.allowed ??= kept / total;
    for (const [token, child] of node.children) logits[token] = (logits[token] ?? 0) + Math.log(child.node.mass);
    this.#probabilities = { logits: raw, logTotal: highest + Math.log(total) };
    return logits;
  }

  /** Takes the sampled token. */
  take(token: number): void {
    const node = this.#path.at(-1);
    if (!node || !this.#probabilities) return;
    let child = node.children.get(token);
    if (!child) {
      const { logits, logTotal } = this.#probabilities;
      child = { probability: Math.exp((logits[token] ?? Number.NEGATIVE_INFINITY) - logTotal), node: fresh() };
      node.children.set(token, child);
    }
    this.#path.push(child.node);
    this.#probabilities = undefined;
  }

  /** Ends the sample (also one cut short) and carries what it saw back to the root. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    for (const node of this.#path.toReversed()) {
      if (node.allowed === undefined) continue;
      let mass = node.allowed;
      for (const { probability, node: child } of node.children.values()) mass -= probability * (1 - child.mass);
      node.mass = Math.min(Math.max(mass, 0), node.mass);
    }
    this.#done();
  }
}
