import { add, type Dim } from '../../ir/dim.ts';
import { Graph, type Program, tensor, type Value } from '../../ir/graph.ts';
import { GraphBuilder, type OpTable } from '../../ir/graph-builder.ts';
import type { Architecture, HfConfig, HfWeights } from '../architecture.ts';
import { rotaryPairs } from '../gguf/family.ts';
import type { SymbolTable } from '../symbols.ts';

/** Sizes of a llama model, from its config. */
interface Sizes {
  readonly hidden: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly eps: number;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
}

function sizesOf(config: HfConfig): Sizes {
  const heads = config.count('num_attention_heads');
  const hidden = config.count('hidden_size');
  const kvHeads = config.count('num_key_value_heads', heads);
  if (heads % kvHeads !== 0) throw config.unsupported('num_key_value_heads', `${heads} heads do not divide among them`);
  if (config.string('hidden_act', 'silu') !== 'silu') throw config.unsupported('hidden_act', 'llama uses silu');
  return {
    hidden,
    heads,
    kvHeads,
    inner: config.count('intermediate_size'),
    layers: config.count('num_hidden_layers'),
    headDim: config.count('head_dim', hidden / heads),
    vocabulary: config.count('vocab_size'),
    positions: config.count('max_position_embeddings', 2048),
    eps: config.number('rms_norm_eps', 1e-6),
    attentionBias: config.flag('attention_bias', false),
    mlpBias: config.flag('mlp_bias', false),
  };
}

/**
 * Rotation frequencies theta^(-2 i / d), with the scalings of the published llama models (`linear`, and `llama3`: long wavelengths are
 * stretched by `factor`, short ones kept, those between blended; Llama 3.1 model card).
 */
function frequencies(config: HfConfig, headDim: number): number[] {
  const theta = config.number('rope_theta', 10000);
  const base = Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  const scaling = config.section('rope_scaling');
  const kind = scaling ? scaling.string('rope_type', scaling.string('type', 'default')) : 'default';
  if (!scaling || kind === 'default') return base;
  const factor = scaling.number('factor');
  if (kind === 'linear') return base.map((f) => f / factor);
  if (kind !== 'llama3') throw config.unsupported('rope_scaling', `rope type '${kind}' is not supported`);
  const low = scaling.number('low_freq_factor', 1);
  const high = scaling.number('high_freq_factor', 4);
  const trained = scaling.number('original_max_position_embeddings', 8192);
  return base.map((f) => {
    const wavelength = (2 * Math.PI) / f;
    if (wavelength < trained / high) return f;
    if (wavelength > trained / low) return f / factor;
    const smooth = (trained / wavelength - low) / (high - low);
    return (1 - smooth) * (f / factor) + smooth * f;
  });
}

/** Builds one entry point; node sources are the module paths of the weights. */
class LlamaGraph {
  readonly graph: Graph;
  private readonly b: GraphBuilder;
  private readonly cos: Value;
  private readonly sin: Value;
  /** Where query i may look: keys up to its own position. */
  private readonly visible: Value;
  private readonly keys: Dim;

  constructor(
    private readonly s: Sizes,
    private readonly weights: HfWeights,
    ops: OpTable,
    entry: string,
    frequency: readonly number[],
    private readonly seq: Dim,
    past: Dim,
  ) {
    this.graph = new Graph(entry);
    this.b = new GraphBuilder(this.graph, ops, { name: 'model.rotary_emb', op: 'RotaryEmbedding' });
    const { b } = this;
    this.keys = add(past, seq);
    const start = b.node('dims', [], { dims: [past], scalar: true });
    const positions = b.node('range', [start, b.scalar('i64', 1)], { length: seq });
    const column = b.node('reshape', [positions], { shape: [seq, 1] });
    const row = b.constant('f32', [1, frequency.length], frequency);
    const angles = b.node('mul', [b.node('cast', [column], { to: 'f32' }), row]);
    this.cos = b.node('cos', [angles]);
    this.sin = b.node('sin', [angles]);
    const all = b.node('range', [b.scalar('i64', 0), b.scalar('i64', 1)], { length: this.keys });
    this.visible = b.node('le', [b.node('reshape', [all], { shape: [1, this.keys] }), column]);
  }

  private from(name: string, op: string): GraphBuilder {
    this.b.source = { name, op };
    return this.b;
  }

  private weight(name: string, shape: readonly number[]): Value {
    return this.graph.constant(this.weights.get(name, shape));
  }

  private norm(x: Value, name: string): Value {
    const scale = this.weight(`${name}.weight`, [this.s.hidden]);
    return this.from(name, 'LlamaRMSNorm').node('rms_norm', [x, scale], { axis: 2, eps: this.s.eps });
  }

  /** x W^T (+ bias); rows are tokens. */
  private linear(x: Value, name: string, outputs: number, inputs: number, bias: boolean): Value {
    const b = this.from(name, 'Linear');
    const y = b.node('matmul', [x, this.weight(`${name}.weight`, [outputs, inputs])], { transposeB: true });
    return bias ? b.node('add', [y, this.weight(`${name}.bias`, [outputs])]) : y;
  }

  /** [1, seq, heads * d] to [1, heads, seq, d] */
  private split(x: Value, heads: number): Value {
    const shaped = this.b.node('reshape', [x], { shape: [1, this.seq, heads, this.s.headDim] });
    return this.b.node('transpose', [shaped], { permutation: [0, 2, 1, 3] });
  }

  /** Rotates the halves of each head by its position's angles. */
  private rotate(x: Value, heads: number): Value {
    const half = this.s.headDim / 2;
    const { b } = this;
    const part = (start: number): Value =>
      b.node('slice', [x], { starts: [0, 0, 0, start], steps: [1, 1, 1, 1], shape: [1, heads, this.seq, half] });
    const [low, high] = [part(0), part(half)];
    const { dtype } = x.type;
    const [cos, sin] =
      dtype === 'f32' ? [this.cos, this.sin] : [this.cos, this.sin].map((v) => b.node('cast', [v], { to: dtype }));
    const times = (v: Value, by: Value | undefined): Value => b.node('mul', [v, by ?? this.cos]);
    return b.node(
      'concat',
      [b.node('sub', [times(low, cos), times(high, sin)]), b.node('add', [times(high, cos), times(low, sin)])],
      { axis: 3 },
    );
  }

  /** The cache of a layer followed by this run's keys or values; also an output. */
  private extend(cached: Value | undefined, now: Value, name: string): Value {
    const b = this.from(name, 'Cache');
    const all = cached ? b.node('concat', [cached, now], { axis: 2 }, name) : b.node('identity', [now], {}, name);
    this.graph.outputs.push(all);
    return all;
  }

  private attention(x: Value, layer: number, cache: { key?: Value; value?: Value }): Value {
    const { heads, kvHeads, headDim, hidden, attentionBias } = this.s;
    const path = `model.layers.${layer}.self_attn`;
    const project = (name: string, count: number): Value =>
      this.split(this.linear(x, `${path}.${name}`, count * headDim, hidden, attentionBias), count);
    const q = this.rotate(project('q_proj', heads), heads);
    const k = this.extend(cache.key, this.rotate(project('k_proj', kvHeads), kvHeads), `present.${layer}.key`);
    const v = this.extend(cache.value, project('v_proj', kvHeads), `present.${layer}.value`);
    const b = this.from(path, 'LlamaAttention');
    const group = heads / kvHeads;
    // Heads that share keys and values are an axis of their own, along which those repeat.
    const queries = b.node('reshape', [q], { shape: [1, kvHeads, group, this.seq, headDim] });
    const shared = (t: Value): Value => b.node('reshape', [t], { shape: [1, kvHeads, 1, this.keys, headDim] });
    const scores = b.node('matmul', [queries, shared(k)], { transposeB: true, dtype: 'f32' });
    const scaled = b.node('mul', [scores, b.scalar('f32', headDim ** -0.5)]);
    const masked = b.node('where', [this.visible, scaled, b.scalar('f32', Number.NEGATIVE_INFINITY)]);
    const weights = b.node('softmax', [masked], { axis: 4 });
    const { dtype } = x.type;
    const mixed = b.node('matmul', [dtype === 'f32' ? weights : b.node('cast', [weights], { to: dtype }), shared(v)]);
    const byHead = b.node('reshape', [mixed], { shape: [1, heads, this.seq, headDim] });
    const byToken = b.node('transpose', [byHead], { permutation: [0, 2, 1, 3] });
    const joined = b.node('reshape', [byToken], { shape: [1, this.seq, heads * headDim] });
    return this.linear(joined, `${path}.o_proj`, hidden, heads * headDim, attentionBias);
  }

  private mlp(x: Value, layer: number): Value {
    const { hidden, inner, mlpBias } = this.s;
    const path = `model.layers.${layer}.mlp`;
    const gate = this.linear(x, `${path}.gate_proj`, inner, hidden, mlpBias);
    const up = this.linear(x, `${path}.up_proj`, inner, hidden, mlpBias);
    const b = this.from(path, 'LlamaMLP');
    const silu = b.node('mul', [gate, b.node('sigmoid', [gate])]);
    return this.linear(b.node('mul', [silu, up]), `${path}.down_proj`, hidden, inner, mlpBias);
  }

  build(embedding: string, head: string, past: Dim | undefined): void {
    const { hidden, vocabulary, layers, kvHeads, headDim } = this.s;
    const ids = this.graph.input('input_ids', tensor('i64', [1, this.seq]));
    const table = this.weight(embedding, [vocabulary, hidden]);
    const caches = Array.from({ length: layers }, (_, i) => {
      if (past === undefined) return {};
      const type = tensor(table.type.dtype, [1, kvHeads, past, headDim]);
      return { key: this.graph.input(`past.${i}.key`, type), value: this.graph.input(`past.${i}.value`, type) };
    });
    let x = this.from('model.embed_tokens', 'Embedding').node('gather', [table, ids], { axis: 0 });
    caches.forEach((cache, i) => {
      const path = `model.layers.${i}`;
      const a = this.attention(this.norm(x, `${path}.input_layernorm`), i, cache);
      x = this.from(path, 'LlamaDecoderLayer').node('add', [x, a]);
      const m = this.mlp(this.norm(x, `${path}.post_attention_layernorm`), i);
      x = this.from(path, 'LlamaDecoderLayer').node('add', [x, m]);
    });
    const last = this.norm(x, 'model.norm');
    const logits = this.linear(last, head.replace(/\.weight$/, ''), vocabulary, hidden, false);
    logits.name = 'logits';
    this.graph.outputs.unshift(logits);
  }
}

/**
 * LlamaForCausalLM. Two entries share the weights: `prefill` (input_ids [1, seq]) and `decode` (one token and the caches
 * `past.N.key|value`); both give `logits` and the caches to pass on, `present.N.key|value`.
 */
export const llama: Architecture = {
  names: ['LlamaForCausalLM'],
  gguf: [
    {
      architecture: 'llama',
      tensors: Object.fromEntries(
        ['q', 'k'].map((p) => [
          `model.layers.#.self_attn.${p}_proj`,
          { tensor: `blk.#.attn_${p}`, rows: (c: HfConfig) => rotaryPairs(sizesOf(c).headDim) },
        ]),
      ),
    },
  ],
  build(config: HfConfig, weights: HfWeights, ops: OpTable, name: string, table: SymbolTable): Program {
    const sizes = sizesOf(config);
    const embedding =
      ['model.embed_tokens.weight', 'lm_head.weight'].find((n) => weights.has(n)) ?? 'model.embed_tokens.weight';
    const tied = config.flag('tie_word_embeddings', false);
    const head = weights.has('lm_head.weight') ? 'lm_head.weight' : tied ? embedding : 'lm_head.weight';
    const frequency = frequencies(config, sizes.headDim);
    const seq = table.named('seq', { min: 1, max: sizes.positions });
    const past = table.named('past', { min: 1, max: sizes.positions - 1 });
    const prefill = new LlamaGraph(sizes, weights, ops, 'prefill', frequency, seq, 0);
    prefill.build(embedding, head, undefined);
    const decode = new LlamaGraph(sizes, weights, ops, 'decode', frequency, 1, past);
    decode.build(embedding, head, past);
    return {
      name,
      entries: new Map([
        ['prefill', prefill.graph],
        ['decode', decode.graph],
      ]),
      states: [],
      symbols: table.symbols,
      metadata: { format: 'safetensors', architecture: 'LlamaForCausalLM' },
    };
  },
};
