import { defineCheckpoint, type QuantizedWeight } from './checkpoint.ts';
import { fields, floats, integerConstant, unfit, wordsOf } from './integers.ts';

/** Which of eight outputs each field of a word is, the lowest field first. */
const ORDER = [0, 2, 4, 6, 1, 3, 5, 7] as const;

/** [rows, outputs] from words [rows, outputs / 8]. */
function unpacked(words: Uint32Array): Uint8Array {
  const inOrder = fields(words, 4);
  return inOrder.map((_, i) => inOrder[i - (i % 8) + ORDER.indexOf((i % 8) as (typeof ORDER)[number])] ?? 0);
}

/**
 * AWQ checkpoints (Lin et al. 2023; the `gemm` layout of AutoAWQ): `qweight` i32 [inputs, outputs / 8] and `qzeros` i32 [groups, outputs /
 * 8], fields along the outputs in an interleaved order; `scales` [groups, outputs].
 */
export const awq = defineCheckpoint({
  methods: ['awq'],
  weights(tensors, config) {
    if (config.count('bits', 4) !== 4) throw config.unsupported('bits', 'AWQ has 4');
    if (config.string('version', 'gemm').toLowerCase() !== 'gemm')
      throw config.unsupported('version', 'infc reads the gemm layout');
    const weights = new Map<string, QuantizedWeight>();
    for (const name of tensors.names) {
      if (!name.endsWith('.qweight')) continue;
      const path = name.slice(0, -'.qweight'.length);
      const [qweight, qzeros, scales] = ['qweight', 'qzeros', 'scales'].map((part) => tensors.get(`${path}.${part}`));
      if (!qweight || !qzeros || !scales) continue;
      const [inputs = 0, words = 0] = qweight.type.shape.map(Number);
      const outputs = words * 8;
      const size = config.number('group_size', 128);
      const groupSize = size > 0 ? size : inputs;
      const groups = Math.ceil(inputs / groupSize);
      if (scales.type.shape[0] !== groups || scales.type.shape[1] !== outputs)
        throw unfit(scales, `[${groups}, ${outputs}]`);
      if (qzeros.type.shape[0] !== groups || qzeros.type.shape[1] !== words)
        throw unfit(qzeros, `[${groups}, ${words}]`);
      weights.set(`${path}.weight`, {
        shape: [outputs, inputs],
        constant: () =>
          integerConstant({
            ...{ name: `${path}.weight`, outputs, inputs, bits: 4, groupSize },
            scales: () => floats(scales),
            zeros: () => unpacked(wordsOf(qzeros)),
            codes: () => {
              const byInput = unpacked(wordsOf(qweight));
              const out = new Uint8Array(outputs * inputs);
              for (let o = 0, at = 0; o < outputs; o++)
                for (let i = 0; i < inputs; i++, at++) out[at] = byInput[i * outputs + o] ?? 0;
              return out;
            },
          }),
      });
    }
    return weights;
  },
});
