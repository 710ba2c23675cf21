import { InfcError } from '../../../runtime/errors.ts';
import { asSym, type Dim, sub } from '../../ir/dim.ts';
import { byteLength } from '../../ir/dtype.ts';
import { type Graph, type Program, type State, tensor, type Value } from '../../ir/graph.ts';
import type { OpTable } from '../../ir/graph-builder.ts';
import { kvPolicy } from '../../kv/index.ts';
import type { Run } from '../../kv/policy.ts';
import type { HfWeights } from '../architecture.ts';
import type { SymbolTable } from '../symbols.ts';
import { HeadChoice, type HeadName } from './heads.ts';
import { type Layer, type ModelScope, Scope } from './scope.ts';
import { WeightSource } from './weights.ts';

/** A whole model, as an architecture describes it. */
export interface Transformer {
  /** Name in `architectures` of the config. */
  readonly architecture: string;
  /** decoder: layers keep a KV cache; recurrent: layers keep a state of fixed size; encoder: one pass, nothing is kept. */
  readonly kind: 'decoder' | 'recurrent' | 'encoder';
  readonly vocabulary: number;
  /** Positions that the model can tell apart (learned ones), or was trained for. */
  readonly positions: number;
  /** i64 [1, seq] to f32 [1, seq, hidden]. */
  readonly embed: (s: Scope, ids: Value) => Value;
  readonly layers: readonly Layer[];
  /** Of the last layer's states: logits, or for encoders the result. */
  readonly head: (s: Scope, x: Value) => Value;
}

/** What the user says about running the model. */
export interface TransformerOptions {
  /** Most tokens of prompt and answer together; default what the model was trained for, at most 4096. */
  readonly context?: number;
  /** Name of the KV policy. */
  readonly kv?: string;
  /** Sequences that one run may take a step of, each with a cache of its own; default 1. */
  readonly batch?: number;
  /** Layers to leave out, counted from 0. */
  readonly dropLayers?: readonly number[];
  /** Key-value heads to leave out, with the query heads that share them. */
  readonly dropHeads?: readonly HeadName[];
  /** Gives the states before the first layer and after each as outputs too: `layer.0`, `layer.1`... */
  readonly showLayers?: boolean;
}

/** Most tokens of one prefill run: enough to be compute bound, little enough that activations stay small. */
const CHUNK = 128;
/** Tokens whose logits one verify run gives: drafts are short. */
const VERIFY = 16;
const DEFAULT_CONTEXT = 4096;
/** Sequences at once: beyond that a run of them is no cheaper than two. */
const MOST_SLOTS = 64;
/** Tokens of a text whose old ones are forgotten: beyond that, angles of f32 lose too many digits. */
const ENDLESS = 2 ** 20;

/** Tokens the compiled model has room for. Throws INFC1092. */
export function contextOf(positions: number, options: TransformerOptions): number {
  const context = options.context ?? Math.min(positions, DEFAULT_CONTEXT);
  if (!Number.isInteger(context) || context < 1 || context > 2 ** 24)
    throw new InfcError('INFC1092', `a context of ${context} tokens is not possible`, {
      fix: 'Give --context 1 to 16777216',
    });
  return context;
}

/** Sequences at once: as many as a run of `verify` may have tokens. Throws INFC1099. */
function slotsOf(kind: Transformer['kind'], batch: number, chunk: number): number {
  if (kind === 'encoder' && batch !== 1)
    throw new InfcError('INFC1099', 'an encoder has no sequences to go on with', { fix: 'Leave --batch out' });
  const most = Math.min(MOST_SLOTS, chunk);
  if (Number.isInteger(batch) && batch >= 1 && batch <= most) return batch;
  throw new InfcError('INFC1099', `${batch} sequences at once are not possible`, { fix: `Give --batch 1 to ${most}` });
}

/**
 * The program of a model: entries `prefill`, `decode` and `verify` (or `encode`) over the same weights and states; for several sequences at
 * once also `batch`, which takes the next token of some of them.
 */
export function buildTransformer(
  t: Transformer,
  name: string,
  weights: HfWeights,
  ops: OpTable,
  symbols: SymbolTable,
  options: TransformerOptions,
): Program {
  const context = contextOf(t.positions, options);
  const policy = kvPolicy(options.kv);
  const layers = keptLayers(t.layers, options.dropLayers ?? []);
  const chunk = Math.min(t.kind === 'encoder' ? context : CHUNK, context);
  const states = new Map<string, State>();
  const heads = new HeadChoice(options.dropHeads ?? []);
  const slots = slotsOf(t.kind, options.batch ?? 1, chunk);
  const model: ModelScope = { ops, weights: new WeightSource(weights), policy, context, chunk, slots, states, heads };
  const seq = symbols.named('seq', { min: 1, max: chunk });
  const most = policy.endless && t.kind === 'decoder' ? ENDLESS : context;
  const past = t.kind === 'decoder' ? symbols.named('past', { min: 0, max: most - 1 }) : 0;
  const slot = slots > 1 ? symbols.named('slot', { min: 0, max: slots - 1 }) : 0;
  const text = (s: Scope): Run => {
    for (const d of [past, slot]) {
      const given = asSym(d);
      if (given) s.graph.given.push(given.name);
    }
    return { kind: 'text', past, slot };
  };
  /** Which sequence each token is the next of, and where it stands there. */
  const rows = (s: Scope): Run => {
    const read = (name: string, extent: number): Value => {
      const x = s.graph.input(name, tensor('i64', [seq]));
      s.b.node('check_index', [s.b.node('reshape', [x], { shape: [seq, 1] })], { extents: [extent], signed: false });
      return s.b.node('cast', [x], { to: 'i32' });
    };
    return { kind: 'rows', slots: read('slots', slots), positions: read('positions', most) };
  };
  const entry = (entryName: string, tokens: Dim, all: boolean, run: (s: Scope) => Run = text): [string, Graph] => {
    const s = new Scope(model, entryName, tokens, run);
    const ids = s.graph.input('input_ids', tensor('i64', [1, tokens]));
    let x = t.embed(s, ids);
    const shown = [x];
    for (const layer of layers) {
      x = layer(s, x);
      shown.push(x);
    }
    if (!all && tokens !== 1) x = lastToken(s, x);
    const out = t.head(s, x);
    out.name = t.kind === 'encoder' ? 'embeddings' : 'logits';
    s.graph.outputs.push(out);
    if (options.showLayers)
      shown.forEach((states, i) => {
        states.name = `layer.${i}`;
        if (!s.graph.outputs.includes(states)) s.graph.outputs.push(states);
      });
    return [entryName, s.graph];
  };
  const entries =
    t.kind === 'encoder'
      ? [entry('encode', seq, true)]
      : [
          entry('prefill', seq, false),
          entry('decode', 1, true),
          entry('verify', seq, true),
          ...(slots > 1 ? [entry('batch', seq, true, rows)] : []),
        ];
  heads.finish();
  const bytes = [...states.values()].reduce((n, s) => n + bytesOf(s), 0);
  const first = entries[0]?.[0] ?? '';
  return {
    name,
    entries: new Map(entries),
    states: [...states.values()],
    symbols: symbols.symbols,
    heads: heads.all,
    metadata: { format: 'safetensors', architecture: t.architecture },
    generation: {
      kind: t.kind,
      entries:
        t.kind === 'encoder'
          ? { prefill: first, decode: first }
          : { prefill: 'prefill', decode: 'decode', verify: 'verify', ...(slots > 1 ? { batch: 'batch' } : {}) },
      chunk,
      ...(slots > 1 ? { slots } : {}),
      ...(t.kind === 'encoder' ? {} : { verifyChunk: Math.min(VERIFY, chunk) }),
      context: most,
      ...(policy.rewind && t.kind === 'decoder' ? { rewind: policy.rewind(chunk) } : {}),
      vocabulary: t.vocabulary,
      policy: t.kind === 'decoder' ? policy.name : 'none',
      eos: [],
      stateBytes: bytes,
    },
  };
}

/** Throws INFC1096 for a layer that is not there, or when none would be left. */
function keptLayers(layers: readonly Layer[], drop: readonly number[]): readonly Layer[] {
  const missing = drop.find((i) => !Number.isInteger(i) || i < 0 || i >= layers.length);
  const kept = layers.filter((_, i) => !drop.includes(i));
  if (missing === undefined && (kept.length > 0 || layers.length === 0)) return kept;
  throw new InfcError(
    'INFC1096',
    missing === undefined ? 'no layer would be left' : `there is no layer ${missing}; the model has ${layers.length}`,
    { fix: `Leave out layers of 0 to ${layers.length - 1}, not all of them` },
  );
}

/** [1, seq, n] to [1, 1, n]. */
function lastToken(s: Scope, x: Value): Value {
  const shape = [1, 1, x.type.shape[2] ?? 1];
  return s.b.node('slice', [x], { starts: [0, sub(s.seq, 1), 0], steps: [1, 1, 1], shape });
}

const bytesOf = ({ type }: State): number =>
  byteLength(
    type.dtype,
    type.shape.reduce<number>((n, d) => n * Number(d), 1),
  );
