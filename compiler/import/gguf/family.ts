import type { HfConfig } from '../architecture.ts';
import type { ConfigValues } from './config.ts';
import type { GgufKeys } from './keys.ts';
import type { GgufWeight, RowOrder } from './weights.ts';

/** How the GGUF files of an architecture map to Hugging Face's layout; what most families share need not be said. */
export interface GgufFamily {
  /** Value of `general.architecture`. */
  readonly architecture: string;
  /** Whether a file is of this family, where several share the name. */
  readonly when?: (keys: GgufKeys) => boolean;
  /** Config values beyond, or instead of, those of {@link ggufConfig}; `values` are these. */
  readonly config?: (keys: GgufKeys, values: ConfigValues) => ConfigValues;
  /** GGUF tensors by Hugging Face name; `#` stands for a layer, `@` for an expert (a slice of a stacked tensor). */
  readonly tensors?: Readonly<Record<string, string | ReorderedTensor>>;
}

/** A tensor whose rows lie in another order than Hugging Face's. */
export interface ReorderedTensor {
  readonly tensor: string;
  readonly rows: (config: HfConfig) => RowOrder;
}

/** Names without their `.weight` or `.bias`, as the families after llama have them. */
const COMMON: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
  'model.layers.#.input_layernorm': 'blk.#.attn_norm',
  'model.layers.#.self_attn.q_proj': 'blk.#.attn_q',
  'model.layers.#.self_attn.k_proj': 'blk.#.attn_k',
  'model.layers.#.self_attn.v_proj': 'blk.#.attn_v',
  'model.layers.#.self_attn.o_proj': 'blk.#.attn_output',
  'model.layers.#.self_attn.q_norm': 'blk.#.attn_q_norm',
  'model.layers.#.self_attn.k_norm': 'blk.#.attn_k_norm',
  'model.layers.#.post_attention_layernorm': 'blk.#.ffn_norm',
  'model.layers.#.mlp.gate_proj': 'blk.#.ffn_gate',
  'model.layers.#.mlp.up_proj': 'blk.#.ffn_up',
  'model.layers.#.mlp.down_proj': 'blk.#.ffn_down',
};

/** Every weight that a family's files may hold, by its Hugging Face name. */
export function ggufNames(family: GgufFamily, config: HfConfig): Map<string, GgufWeight> {
  const layers = config.parts('num_hidden_layers');
  const experts = config.has('num_local_experts') ? config.parts('num_local_experts') : 0;
  const names = new Map<string, GgufWeight>();
  for (const [hf, given] of Object.entries({ ...COMMON, ...family.tensors })) {
    const { tensor } = typeof given === 'string' ? { tensor: given } : given;
    const rows = typeof given === 'string' ? undefined : given.rows(config);
    for (let layer = 0; layer < (hf.includes('#') ? layers : 1); layer++) {
      for (let expert = 0; expert < (hf.includes('@') ? experts : 1); expert++) {
        for (const part of ['.weight', '.bias']) {
          const name = hf.replace('#', String(layer)).replace('@', String(expert)) + part;
          names.set(name, {
            tensor: tensor.replace('#', String(layer)) + part,
            ...(rows ? { rows } : {}),
            ...(hf.includes('@') ? { slice: expert } : {}),
          });
        }
      }
    }
  }
  return names;
}

/**
 * Rows of query and key projections: llama.cpp's llama rotates neighbours (2i, 2i+1), Hugging Face's the halves (i, i + d/2) of each head,
 * and the converter reorders the rows to suit.
 */
export function rotaryPairs(headDim: number): RowOrder {
  const half = headDim / 2;
  return (row) => {
    const k = row % headDim;
    return row - k + (k < half ? 2 * k : 2 * (k - half) + 1);
  };
}
