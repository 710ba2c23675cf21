import { f32, type TinyModel, text, u32 } from '../tiny-model.ts';
import { llamaLike } from './llama.ts';

/** Phi-3: query, key and value, and gate and up projections are one weight each. */
function phi3(base: TinyModel): TinyModel {
  const [hidden, q, kv, inner] = [32, 32, 16, 48];
  const weights = base.weights.filter((w) => !/\.(q_proj|k_proj|v_proj|gate_proj|up_proj)\./.test(w.name));
  for (let l = 0; l < 2; l++) {
    const hf = `model.layers.${l}`;
    weights.push(
      { name: `${hf}.self_attn.qkv_proj.weight`, shape: [q + 2 * kv, hidden], gguf: `blk.${l}.attn_qkv.weight` },
      { name: `${hf}.mlp.gate_up_proj.weight`, shape: [2 * inner, hidden], gguf: `blk.${l}.ffn_up.weight` },
    );
  }
  return { ...base, weights };
}

const shared = { architecture: 'Phi3ForCausalLM', type: 'phi3', gguf: 'phi3' } as const;
const [short, long] = [
  [1, 1.25, 1.5, 2],
  [1, 2, 3.5, 5],
];
const longrope = phi3(
  llamaLike({
    ...shared,
    name: 'phi3-longrope',
    config: {
      original_max_position_embeddings: 32,
      rope_scaling: { type: 'longrope', short_factor: short, long_factor: long },
    },
    metadata: {
      '.rope.scaling.type': text('longrope'),
      '.rope.scaling.original_context_length': u32(32),
      '.rope.scaling.attn_factor': f32(Math.sqrt(1 + Math.log(2) / Math.log(32))),
    },
  }),
);

export const phi3Models: readonly TinyModel[] = [
  phi3(llamaLike({ ...shared, name: 'phi3' })),
  {
    ...longrope,
    // The attention factor is rounded to f32 in the file.
    sameProgram: false,
    gguf: {
      metadata: longrope.gguf?.metadata ?? {},
      more: () => ({
        'rope_factors_long.weight': { shape: [4], data: Float32Array.from(long ?? []) },
        'rope_factors_short.weight': { shape: [4], data: Float32Array.from(short ?? []) },
      }),
    },
  },
];
