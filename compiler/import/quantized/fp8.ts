import { decodeFloat } from '../../../runtime/minifloat.ts';
import { type Constant, tensor } from '../../ir/graph.ts';
import { defineCheckpoint, type QuantizedWeight } from './checkpoint.ts';
import { floats, unfit } from './integers.ts';

/**
 * Checkpoints with 8-bit floats: `weight` f8 [outputs, inputs] times `weight_scale_inv` [outputs / b, inputs / b] for blocks (DeepSeek), or
 * `weight_scale` for the whole weight or for each output (FBGEMM, compressed-tensors). The values are exact products in f32.
 */
export const fp8 = defineCheckpoint({
  methods: ['fp8', 'fbgemm_fp8', 'compressed-tensors'],
  weights(tensors, config) {
    const block = config.has('weight_block_size') ? config.numbers('weight_block_size') : undefined;
    const weights = new Map<string, QuantizedWeight>();
    for (const name of tensors.names) {
      if (!name.endsWith('.weight')) continue;
      const stored = tensors.get(name);
      if (!stored || !/^f8/.test(stored.type.dtype)) continue;
      const scale = tensors.get(`${name}_scale_inv`) ?? tensors.get(`${name}_scale`);
      const [outputs = 0, inputs = 0] = stored.type.shape.map(Number);
      weights.set(name, {
        shape: [outputs, inputs],
        constant: () => scaled(stored, scale, scaleShape(scale, outputs, inputs, block)),
      });
    }
    return weights;
  },
});

/** Rows and columns that share a scale. */
function scaleShape(
  scale: Constant | undefined,
  outputs: number,
  inputs: number,
  block: readonly number[] | undefined,
): readonly [rows: number, columns: number] {
  const [rows = 1, columns = 1] = scale?.type.shape.map(Number) ?? [];
  if (rows * columns === 1) return [outputs, inputs];
  if (rows === outputs && columns === 1) return [1, inputs];
  const [high = 128, wide = 128] = block ?? [];
  if (scale && (rows !== Math.ceil(outputs / high) || columns !== Math.ceil(inputs / wide)))
    throw unfit(scale, `one scale, ${outputs} of them, or [${Math.ceil(outputs / high)}, ${Math.ceil(inputs / wide)}]`);
  return [high, wide];
}

function scaled(stored: Constant, scale: Constant | undefined, [high, wide]: readonly [number, number]): Constant {
  const { dtype, shape } = stored.type;
  const [outputs = 0, inputs = 0] = shape.map(Number);
  return {
    name: stored.name,
    type: tensor('f32', shape),
    bytes: outputs * inputs * 4,
    read: () => {
      const values = Float32Array.from({ length: 256 }, (_, bits) => decodeFloat(dtype, bits));
      const codes = stored.read();
      const scales = scale ? floats(scale) : Float32Array.of(1);
      const across = Math.ceil(inputs / wide);
      const out = new Float32Array(outputs * inputs);
      for (let o = 0, at = 0; o < outputs; o++) {
        const row = Math.floor(o / high) * across;
        for (let i = 0; i < inputs; i++, at++)
          out[at] = (values[codes[at] ?? 0] ?? 0) * (scales[row + Math.floor(i / wide)] ?? 0);
      }
      return new Uint8Array(out.buffer);
    },
  };
}
