import { randomTokens, type TinyModel, type TinyWeight, VOCABULARY } from '../tiny-model.ts';

const [hidden, inner, layers, size] = [32, 64, 2, 8];
const norm = (name: string): TinyWeight[] => [
  { name: `${name}.weight`, shape: [hidden], scale: 0.1, center: 1 },
  { name: `${name}.bias`, shape: [hidden], scale: 0.1 },
];
const matrix = (name: string, outputs: number, inputs: number): TinyWeight => ({
  name: `${name}.weight`,
  shape: [outputs, inputs],
});
const mix = (path: string, what: string): TinyWeight => ({
  name: `${path}.time_mix_${what}`,
  shape: [1, 1, hidden],
  scale: 0.2,
  center: 0.5,
});

/** A model with the names and forms of Hugging Face's files. */
function rwkv(version: 4 | 5): TinyModel {
  const name = `rwkv${version}`;
  const vector = version === 4 ? [hidden] : [hidden / size, size];
  const kinds = ['key', 'value', 'receptance', ...(version === 5 ? ['gate'] : [])];
  return {
    name,
    oracle: 'torch',
    recurrent: true,
    tokens: randomTokens(name, 12),
    config: {
      architectures: [version === 4 ? 'RwkvForCausalLM' : 'Rwkv5ForCausalLM'],
      model_type: name,
      hidden_size: hidden,
      attention_hidden_size: hidden,
      intermediate_size: inner,
      num_hidden_layers: layers,
      layer_norm_epsilon: 1e-5,
      vocab_size: VOCABULARY,
      ...(version === 5 ? { head_size: size } : {}),
      bos_token_id: 0,
      eos_token_id: 1,
    },
    weights: [
      { name: 'rwkv.embeddings.weight', shape: [VOCABULARY, hidden], scale: 1 },
      { name: 'head.weight', shape: [VOCABULARY, hidden] },
      ...norm('rwkv.ln_out'),
      ...norm('rwkv.blocks.0.pre_ln'),
      ...Array.from({ length: layers }, (_, l) => {
        const [block, time, channel] = ['', '.attention', '.feed_forward'].map((p) => `rwkv.blocks.${l}${p}`);
        return [
          ...norm(`${block}.ln1`),
          ...norm(`${block}.ln2`),
          ...kinds.flatMap((k) => [mix(`${time}`, k), matrix(`${time}.${k}`, hidden, hidden)]),
          matrix(`${time}.output`, hidden, hidden),
          { name: `${time}.time_decay`, shape: vector, scale: 1 },
          { name: `${time}.${version === 4 ? 'time_first' : 'time_faaaa'}`, shape: vector, scale: 0.5 },
          ...(version === 5 ? norm(`${time}.ln_x`) : []),
          ...['key', 'receptance'].map((k) => mix(`${channel}`, k)),
          matrix(`${channel}.key`, inner, hidden),
          matrix(`${channel}.receptance`, hidden, hidden),
          matrix(`${channel}.value`, hidden, inner),
        ];
      }).flat(),
    ],
  };
}

export const rwkvModels: readonly TinyModel[] = [rwkv(4), rwkv(5)];
