import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import { checkTokens, commonPrefix, type Decoder, type Snapshot, type Wanted } from './decoder.ts';
import { logitsOf } from './port-decoder.ts';

interface StateSnapshot extends Snapshot {
  /** Contents of the states, where they are small and cannot be rewound. */
  readonly states?: readonly Uint8Array[];
}

/**
 * A decoder whose memory is states of the model: a KV cache, or the state of a recurrent model. Going back is free where the cache can be
 * rewound; elsewhere the tokens are taken again from the start.
 */
export class StateDecoder implements Decoder {
  readonly vocabulary: number;
  readonly context: number;
  tokens: readonly number[] = [];
  /** What the states hold: other tokens than `tokens` after a truncation or a failed run. */
  private cached: readonly number[] = [];
  /** Most tokens that the states held since they were empty. */
  private high = 0;
  private readonly rewind: number;
  private readonly recurrent: boolean;

  constructor(
    private readonly model: Model,
    private readonly generation: PlanGeneration,
  ) {
    this.vocabulary = generation.vocabulary;
    this.context = generation.context;
    this.recurrent = generation.kind === 'recurrent';
    this.rewind = this.recurrent ? 0 : (generation.rewind ?? Number.POSITIVE_INFINITY);
  }

  async forward(
    tokens: readonly number[],
    wanted: Wanted,
    signal?: AbortSignal,
    into?: Float32Array,
  ): Promise<Float32Array> {
    checkTokens(this, tokens);
    const kept = commonPrefix(this.cached, this.tokens);
    const rewound = kept === this.cached.length || this.high - kept <= this.rewind;
    if (!rewound || kept === 0) {
      if (this.recurrent) this.model.reset();
      this.high = 0;
    }
    if (!rewound) this.cached = [];
    else if (kept < this.cached.length) this.cached = this.cached.slice(0, kept);
    const missing = this.tokens.slice(this.cached.length);
    if (missing.length > 0) await this.take(missing, 'none', signal);
    const logits = await this.take(tokens, wanted, signal, into);
    this.tokens = this.cached;
    return logits;
  }

  /** Runs the model over tokens that follow those in its states. */
  private async take(
    tokens: readonly number[],
    wanted: Wanted,
    signal: AbortSignal | undefined,
    into?: Float32Array,
  ): Promise<Float32Array> {
    const { entries, chunk = 1, verifyChunk = chunk } = this.generation;
    const all = wanted === 'all' && tokens.length > 1;
    const most = all && entries.verify !== undefined ? verifyChunk : all ? 1 : chunk;
    const rows = all && tokens.length > most ? new Float32Array(tokens.length * this.vocabulary) : undefined;
    let logits: Float32Array = new Float32Array(0);
    for (let at = 0; at < tokens.length; at += most) {
      const part = tokens.slice(at, at + most);
      const last = at + part.length === tokens.length;
      const entry = part.length === 1 ? entries.decode : all ? (entries.verify ?? entries.decode) : entries.prefill;
      const input = { shape: [1, part.length], data: BigInt64Array.from(part, BigInt) };
      const before = this.cached;
      // A run that fails halfway leaves a state that nothing is known about.
      if (this.recurrent) this.cached = UNKNOWN;
      const outputs = await this.model.run(
        { input_ids: input },
        {
          entry,
          ...(this.recurrent ? {} : { symbols: { past: before.length } }),
          ...(all || (last && wanted !== 'none') ? {} : { outputs: [] }),
          ...(into && last ? { into: { logits: into } } : {}),
          ...(signal ? { signal } : {}),
        },
      );
      this.cached = before.concat(part);
      this.high = Math.max(this.high, this.cached.length);
      if (rows) rows.set(logitsOf(outputs, this.vocabulary, 'all'), at * this.vocabulary);
      else if (last && wanted !== 'none') logits = logitsOf(outputs, this.vocabulary, wanted);
    }
    return rows ?? logits;
  }

  async truncate(length: number): Promise<void> {
    if (length < this.tokens.length) this.tokens = this.tokens.slice(0, length);
  }

  async snapshot(): Promise<StateSnapshot> {
    const { tokens } = this;
    const same = tokens.length > 0 && tokens.length === this.cached.length;
    if (!this.recurrent || !same) return { tokens };
    const { device, states } = this.model;
    const saved: Uint8Array[] = [];
    // What a device gives may be a view that the next call changes.
    for (const range of states) saved.push((await device.read(range)).slice());
    return { tokens, states: saved };
  }

  async restore(snapshot: Snapshot): Promise<void> {
    const { tokens, states } = snapshot as StateSnapshot; // made by snapshot
    this.tokens = tokens;
    if (!states || commonPrefix(this.cached, tokens) === this.cached.length) return;
    const { device, states: ranges } = this.model;
    ranges.forEach(({ memory, offset }, i) => {
      if (states[i]) device.write(memory, offset, states[i]);
    });
    this.cached = tokens;
  }
}

/** No tokens are these. */
const UNKNOWN: readonly number[] = [-1];
