import type { Architecture, HfConfig } from '../architecture.ts';
import { type GgufFamily, rotaryPairs } from '../gguf/family.ts';
import { llamaShaped, llamaSizes } from '../transformer/llama-shape.ts';

/** llama.cpp turns neighbours; its converter reorders the rows of queries and keys. Mistral and Mixtral files are llama files too. */
export const llamaGguf: GgufFamily = {
  architecture: 'llama',
  tensors: Object.fromEntries(
    ['q', 'k'].map((p) => [
      `model.layers.#.self_attn.${p}_proj`,
      { tensor: `blk.#.attn_${p}`, rows: (c: HfConfig) => rotaryPairs(llamaSizes(c).headDim) },
    ]),
  ),
};

/** Llama 1 to 3 and models of the same shape (SmolLM, TinyLlama). */
export const llama: Architecture = {
  names: ['LlamaForCausalLM'],
  gguf: [llamaGguf],
  describe: (config, weights, options) => llamaShaped(config, weights, options, { architecture: 'LlamaForCausalLM' }),
};
