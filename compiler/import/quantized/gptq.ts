import type { HfConfig } from '../architecture.ts';
import { defineCheckpoint, type QuantizedWeight, type StoredTensors } from './checkpoint.ts';
import { fields, floats, integerConstant, unfit, wordsOf } from './integers.ts';

/**
 * GPTQ checkpoints (Frantar et al. 2022; the layout of AutoGPTQ and GPTQModel): `qweight` i32 [inputs / 8, outputs], fields along the
 * inputs; `qzeros` i32 [groups, outputs / 8], less one unless `checkpoint_format` is `gptq_v2`; `scales` [groups, outputs]; `g_idx`
 * [inputs] gives each input's group, in any order when activations were sorted (`desc_act`).
 */
export const gptq = defineCheckpoint({
  methods: ['gptq'],
  weights(tensors, config) {
    const bits = config.count('bits', 4);
    if (bits !== 2 && bits !== 4 && bits !== 8) throw config.unsupported('bits', 'infc reads 2, 4 and 8');
    const plusOne = config.string('checkpoint_format', 'gptq') !== 'gptq_v2';
    const weights = new Map<string, QuantizedWeight>();
    for (const name of tensors.names) {
      if (!name.endsWith('.qweight')) continue;
      const path = name.slice(0, -'.qweight'.length);
      const w = weightOf(tensors, path, bits, plusOne, config);
      if (w) weights.set(`${path}.weight`, w);
    }
    return weights;
  },
});

function weightOf(
  tensors: StoredTensors,
  path: string,
  bits: number,
  plusOne: boolean,
  config: HfConfig,
): QuantizedWeight | undefined {
  const [qweight, qzeros, scales] = ['qweight', 'qzeros', 'scales'].map((part) => tensors.get(`${path}.${part}`));
  if (!qweight || !qzeros || !scales) return undefined;
  const per = 32 / bits;
  const [words = 0, outputs = 0] = qweight.type.shape.map(Number);
  const inputs = words * per;
  const groups = Number(scales.type.shape[0] ?? 1);
  const size = config.number('group_size', -1);
  const groupSize = size > 0 ? size : inputs;
  if (groups !== Math.ceil(inputs / groupSize) || Number(scales.type.shape[1]) !== outputs)
    throw unfit(scales, `[${Math.ceil(inputs / groupSize)}, ${outputs}]`);
  if (qzeros.type.shape[0] !== groups || Number(qzeros.type.shape[1]) * per < outputs)
    throw unfit(qzeros, `[${groups}, ${outputs / per}]`);
  const index = tensors.get(`${path}.g_idx`);
  return {
    shape: [outputs, inputs],
    constant: () => {
      const groupOf = index && Int32Array.from(wordsOf(index));
      if (groupOf && (groupOf.length !== inputs || groupOf.some((g) => g < 0 || g >= groups)))
        throw unfit(index, `groups below ${groups} for ${inputs} inputs`);
      const inOrder = !groupOf || groupOf.every((g, i) => g === Math.floor(i / groupSize));
      return integerConstant({
        ...{ name: `${path}.weight`, outputs, inputs, bits, groupSize },
        ...(inOrder ? {} : { groupOf }),
        scales: () => floats(scales),
        zeros: () => {
          const all = fields(wordsOf(qzeros), bits);
          const row = all.length / groups;
          return Uint8Array.from({ length: groups * outputs }, (_, i) => {
            const zero = all[Math.floor(i / outputs) * row + (i % outputs)] ?? 0;
            // Zero was stored as the largest field.
            return plusOne ? (zero + 1) & (2 ** bits - 1) : zero;
          });
        },
        codes: () => {
          const stored = wordsOf(qweight);
          const out = new Uint8Array(outputs * inputs);
          const mask = 2 ** bits - 1;
          for (let o = 0, at = 0; o < outputs; o++)
            for (let i = 0; i < inputs; i++, at++)
              out[at] = ((stored[Math.floor(i / per) * outputs + o] ?? 0) >>> ((i % per) * bits)) & mask;
          return out;
        },
      });
    },
  };
}
