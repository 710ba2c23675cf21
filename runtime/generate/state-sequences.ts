import { InfcError } from '../errors.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import { checkTokens, commonPrefix, type Decoder, type Sequence, type Sequences, type Wanted } from './decoder.ts';
import { logitsOf } from './port-decoder.ts';
import { SlotMemory } from './slot-memory.ts';

/** Room in the model's states for one sequence. */
interface Slot {
  readonly number: number;
  /** What the states hold: other tokens than its owner's after a truncation or a failed run. */
  cached: readonly number[];
  /** Most tokens that they held since they were empty. */
  high: number;
  /** Whose tokens were the last to go in, and when. */
  owner: StateDecoder | undefined;
  used: number;
}

interface Job {
  readonly decoder: StateDecoder;
  readonly tokens: readonly number[];
  readonly wanted: Wanted;
  readonly signal: AbortSignal | undefined;
  resolve(logits: Float32Array): void;
  reject(error: unknown): void;
}

const NOTHING = new Float32Array(0);
/** No tokens are these. */
const UNKNOWN: readonly number[] = [-1];

/**
 * Sequences whose memory is states of the model: KV caches, or recurrent states. Each has a slot of them while it goes on; one whose slot
 * another took is brought back, from a slot with the same beginning or by taking its tokens again. What several sequences ask for at the
 * same time is one run, where the model was compiled for it (`--batch`): whoever took part in the last run is waited for, one turn of the
 * event loop long.
 */
export class StateSequences implements Sequences {
  private readonly slots: readonly Slot[];
  private readonly memory: SlotMemory;
  private readonly rewind: number;
  private readonly recurrent: boolean;
  private waiting: Job[] = [];
  private expected = 0;
  private busy = false;
  private time = 0;

  constructor(
    private readonly model: Model,
    readonly generation: PlanGeneration,
  ) {
    this.recurrent = generation.kind === 'recurrent';
    this.rewind = this.recurrent ? 0 : (generation.rewind ?? Number.POSITIVE_INFINITY);
    this.memory = new SlotMemory(model, generation.slots ?? 1, this.recurrent ? 0 : 1);
    this.slots = Array.from({ length: generation.slots ?? 1 }, (_, number) => ({
      ...{ number, cached: [], high: 0, used: 0 },
      owner: undefined,
    }));
  }

  get width(): number {
    return this.slots.length;
  }

  open(prompt: readonly number[] = []): Sequence {
    const most = Math.max(...this.slots.map((s) => this.keeps(s, prompt)));
    return new StateDecoder(this, prompt.slice(0, most));
  }

  /** How many of these tokens the slot need not take again. */
  private keeps({ cached, high }: Slot, tokens: readonly number[]): number {
    const kept = commonPrefix(cached, tokens);
    return kept === cached.length || high - kept <= this.rewind ? kept : 0;
  }

  /** What a recurrent sequence has to remember to go on elsewhere. */
  async save(decoder: StateDecoder): Promise<void> {
    const slot = this.slots.find((s) => s.owner === decoder);
    if (this.recurrent && slot && slot.cached.length > 0 && slot.cached !== UNKNOWN)
      decoder.saved = { tokens: slot.cached, states: await this.memory.read(slot.number) };
  }

  forward(job: Omit<Job, 'resolve' | 'reject'>): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...job, resolve, reject });
      if (!this.busy) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.waiting.length > 0) {
      if (this.waiting.length < this.expected) await turnOfEvents();
      const jobs = this.waiting;
      this.waiting = [];
      this.expected = Math.min(jobs.length, this.slots.length);
      for (let at = 0; at < jobs.length; at += this.slots.length)
        await this.together(jobs.slice(at, at + this.slots.length));
    }
    this.busy = false;
  }

  /** Jobs that have a slot each: those that lack one token run as one, the others first. */
  private async together(jobs: readonly Job[]): Promise<void> {
    const taken = new Set(this.slots.filter((s) => jobs.some((j) => j.decoder === s.owner)));
    const batch: { readonly job: Job; readonly slot: Slot }[] = [];
    for (const job of jobs) {
      await settled(job, async () => {
        const { decoder, tokens, wanted, signal } = job;
        const slot = await this.place(job, taken);
        const ahead = slot.cached.length - decoder.tokens.length;
        const missing = ahead < 0 ? [...decoder.tokens.slice(ahead), ...tokens] : tokens.slice(ahead);
        if (this.slots.length > 1 && missing.length === 1) {
          batch.push({ job, slot });
          return undefined;
        }
        if (wanted !== 'all') return this.answer(job, slot, missing);
        const before = missing.slice(0, -tokens.length);
        if (before.length > 0) await this.take(decoder, slot, before, 'none', signal);
        return this.answer(job, slot, tokens);
      });
    }
    const [first] = batch;
    if (first && batch.length === 1)
      await settled(first.job, () => this.answer(first.job, first.slot, first.job.tokens.slice(-1)));
    else if (first) await this.step(batch);
  }

  private async answer({ decoder, wanted, signal }: Job, slot: Slot, tokens: readonly number[]): Promise<Float32Array> {
    const logits = await this.take(decoder, slot, tokens, wanted, signal);
    decoder.tokens = slot.cached;
    return logits;
  }

  /** A slot that holds as much as possible of what the job's decoder is to hold, and nothing else. */
  private async place({ decoder, tokens, wanted }: Job, taken: Set<Slot>): Promise<Slot> {
    // Tokens whose logits are wanted are taken again.
    const more = wanted === 'all' ? [] : tokens.slice(0, -1);
    const text = more.length > 0 ? [...decoder.tokens, ...more] : decoder.tokens;
    const held = (s: Slot): number => this.keeps(s, text);
    const own = this.slots.find((s) => s.owner === decoder);
    const [source] = [...this.slots].sort((a, b) => held(b) - held(a));
    const free = this.slots.filter((s) => !taken.has(s)).sort((a, b) => a.used - b.used);
    // One that others may still want the rest of is copied rather than taken over, when there is another.
    const goesOn = source && free.includes(source) && held(source) === source.cached.length;
    const slot = own ?? (goesOn ? source : (free.find((s) => s !== source) ?? free[0]));
    if (!slot || !source) throw new RangeError('there are as many slots as jobs');
    taken.add(slot);
    if (slot.owner !== decoder && slot.owner) await this.save(slot.owner);
    slot.owner = decoder;
    slot.used = ++this.time;
    const { saved } = decoder;
    if (saved && saved.tokens.length > held(slot) && commonPrefix(saved.tokens, text) === saved.tokens.length) {
      this.memory.write(slot.number, saved.states);
      slot.cached = saved.tokens;
      slot.high = saved.tokens.length;
    } else if (!this.recurrent && held(source) > held(slot)) {
      // Rows are places of tokens where any tail can be forgotten; else all of them are needed.
      const rows = this.rewind === Number.POSITIVE_INFINITY;
      const [from, to] = rows ? [commonPrefix(slot.cached, source.cached), held(source)] : [0, undefined];
      this.memory.copy(source.number, slot.number, from, to);
      slot.cached = source.cached.slice(0, to);
      slot.high = rows ? slot.cached.length : source.high;
    }
    decoder.saved = undefined;
    const kept = held(slot);
    if (kept === 0) {
      if (this.recurrent) this.memory.clear(slot.number);
      slot.high = 0;
    }
    if (kept < slot.cached.length) slot.cached = slot.cached.slice(0, kept);
    decoder.found ??= kept;
    return slot;
  }

  /** Runs the model over tokens that follow those in the slot. */
  private async take(
    decoder: StateDecoder,
    slot: Slot,
    tokens: readonly number[],
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const { entries, chunk = 1, verifyChunk = chunk, vocabulary, slots = 1 } = this.generation;
    const all = wanted === 'all' && tokens.length > 1;
    const most = all && entries.verify !== undefined ? verifyChunk : all ? 1 : chunk;
    const rows = all ? new Float32Array(tokens.length * vocabulary) : undefined;
    // One array a sequence: fresh ones, 200 kB a token, lie about until they are collected.
    const row = wanted === 'last' ? (decoder.row ??= new Float32Array(vocabulary)) : undefined;
    let logits: Float32Array = NOTHING;
    for (let at = 0; at < tokens.length; at += most) {
      const part = tokens.slice(at, at + most);
      const last = at + part.length === tokens.length;
      const entry = part.length === 1 ? entries.decode : all ? (entries.verify ?? entries.decode) : entries.prefill;
      const input = { shape: [1, part.length], data: BigInt64Array.from(part, BigInt) };
      const before = slot.cached;
      // A run that fails halfway leaves a state that nothing is known about.
      if (this.recurrent) slot.cached = UNKNOWN;
      const symbols = {
        ...(this.recurrent ? {} : { past: before.length }),
        ...(slots > 1 ? { slot: slot.number } : {}),
      };
      const outputs = await this.model.run(
        { input_ids: input },
        {
          ...{ entry, symbols },
          ...(all || (last && wanted !== 'none') ? {} : { outputs: [] }),
          ...(row && last ? { into: { logits: row } } : {}),
          ...(signal ? { signal } : {}),
        },
      );
      this.advance(slot, before, part);
      if (rows) rows.set(logitsOf(outputs, vocabulary, 'all'), at * vocabulary);
      else if (last && wanted !== 'none') logits = logitsOf(outputs, vocabulary, 'last');
    }
    return rows ?? logits;
  }

  private advance(slot: Slot, before: readonly number[], tokens: readonly number[]): void {
    slot.cached = before.concat(tokens);
    slot.high = Math.max(slot.high, slot.cached.length);
  }

  /** The next token of several sequences in one run. Which of them are aborted meanwhile is looked at after it. */
  private async step(batch: readonly { readonly job: Job; readonly slot: Slot }[]): Promise<void> {
    const { entries, vocabulary } = this.generation;
    const before = batch.map(({ slot }) => slot.cached);
    const integers = (values: readonly number[], shape = [values.length]) => ({
      shape,
      data: BigInt64Array.from(values, BigInt),
    });
    try {
      if (this.recurrent) for (const { slot } of batch) slot.cached = UNKNOWN;
      const outputs = await this.model.run(
        {
          input_ids: integers(
            batch.map(({ job }) => job.tokens.at(-1) ?? 0),
            [1, batch.length],
          ),
          slots: integers(batch.map(({ slot }) => slot.number)),
          positions: integers(before.map((tokens) => tokens.length)),
        },
        { entry: entries.batch ?? '', ...(batch.some(({ job }) => job.wanted !== 'none') ? {} : { outputs: [] }) },
      );
      const logits = outputs.logits ? logitsOf(outputs, vocabulary, 'all') : NOTHING;
      batch.forEach(({ job, slot }, i) => {
        this.advance(slot, before[i] ?? [], job.tokens.slice(-1));
        void settled(job, async () => {
          job.decoder.tokens = slot.cached;
          return job.wanted === 'none' ? NOTHING : logits.subarray(i * vocabulary, (i + 1) * vocabulary);
        });
      });
    } catch (error) {
      for (const { job } of batch) job.reject(error);
    }
  }
}

/** Answers a job with what `work` gives; undefined: later. */
async function settled(job: Job, work: () => Promise<Float32Array | undefined>): Promise<void> {
  try {
    if (job.signal?.aborted)
      throw new InfcError('INFC6010', 'the generation was aborted', { cause: job.signal.reason });
    const logits = await work();
    if (logits) job.resolve(logits);
  } catch (error) {
    job.reject(error);
  }
}

/** Lets what is ready run first. */
const turnOfEvents = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });

/** One sequence of {@link StateSequences}. */
export class StateDecoder implements Sequence {
  found: number | undefined;
  /** Where its logits go. */
  row: Float32Array | undefined;
  /** A recurrent state to go on from, kept when the sequence lost its slot or was forked. */
  saved: { readonly tokens: readonly number[]; readonly states: readonly Uint8Array[] } | undefined;

  constructor(
    private readonly all: StateSequences,
    public tokens: readonly number[],
  ) {}

  get vocabulary(): number {
    return this.all.generation.vocabulary;
  }

  get context(): number {
    return this.all.generation.context;
  }

  async forward(tokens: readonly number[], wanted: Wanted, signal?: AbortSignal): Promise<Float32Array> {
    checkTokens(this, tokens);
    return this.all.forward({ decoder: this, tokens, wanted, signal });
  }

  async truncate(length: number): Promise<void> {
    if (length < this.tokens.length) this.tokens = this.tokens.slice(0, length);
  }

  async fork(): Promise<Decoder> {
    const other = new StateDecoder(this.all, this.tokens);
    await this.all.save(this);
    other.saved = this.saved;
    return other;
  }
}
