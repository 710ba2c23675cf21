import { memorySource } from '../../compiler/import/byte-source.ts';
import type { HfModel } from '../../compiler/import/hf-config.ts';
import { openSafetensors } from '../../compiler/import/safetensors.ts';

export interface TinyLlama {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly inner: number;
  readonly vocabulary: number;
  readonly positions: number;
  /** More keys of the config. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Deterministic numbers in [0, 1). */
export const randomOf = (seed: number) => (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

/** A Llama of random f32 weights, as its files. */
export function tinyLlama(t: TinyLlama, seed = 1): HfModel {
  const random = randomOf(seed);
  const kv = (t.hidden / t.heads) * t.kvHeads;
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [t.vocabulary, t.hidden]]];
  for (let i = 0; i < t.layers; i++) {
    const at = `model.layers.${i}.`;
    shapes.push(
      [`${at}input_layernorm.weight`, [t.hidden]],
      [`${at}self_attn.q_proj.weight`, [t.hidden, t.hidden]],
      [`${at}self_attn.k_proj.weight`, [kv, t.hidden]],
      [`${at}self_attn.v_proj.weight`, [kv, t.hidden]],
      [`${at}self_attn.o_proj.weight`, [t.hidden, t.hidden]],
      [`${at}post_attention_layernorm.weight`, [t.hidden]],
      [`${at}mlp.gate_proj.weight`, [t.inner, t.hidden]],
      [`${at}mlp.up_proj.weight`, [t.inner, t.hidden]],
      [`${at}mlp.down_proj.weight`, [t.hidden, t.inner]],
    );
  }
  shapes.push(['model.norm.weight', [t.hidden]]);
  const header: Record<string, unknown> = {};
  const data: Float32Array[] = [];
  let at = 0;
  for (const [name, shape] of shapes) {
    const count = shape.reduce((n, d) => n * d, 1);
    const scale = shape.length === 1 ? 0.2 : 2 / Math.sqrt(shape[1] ?? 1);
    const base = shape.length === 1 ? 1 : 0;
    data.push(Float32Array.from({ length: count }, () => base + (random() * 2 - 1) * scale));
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + 4 * count] };
    at += 4 * count;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.byteLength + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  bytes.set(text, 8);
  let end = 8 + text.byteLength;
  for (const d of data) {
    bytes.set(new Uint8Array(d.buffer), end);
    end += d.byteLength;
  }
  const config = {
    architectures: ['LlamaForCausalLM'],
    hidden_size: t.hidden,
    intermediate_size: t.inner,
    num_attention_heads: t.heads,
    num_key_value_heads: t.kvHeads,
    num_hidden_layers: t.layers,
    vocab_size: t.vocabulary,
    max_position_embeddings: t.positions,
    tie_word_embeddings: true,
    ...t.config,
  };
  return {
    name: 'tiny',
    config: { file: 'config.json', text: JSON.stringify(config) },
    weights: [openSafetensors(memorySource('model.safetensors', bytes))],
  };
}
