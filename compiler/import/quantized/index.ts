import { InfcError } from '../../../runtime/errors.ts';
import type { HfConfig } from '../architecture.ts';
import type { WeightFile } from '../weight-file.ts';
import { awq } from './awq.ts';
import { type CheckpointCodec, StoredTensors } from './checkpoint.ts';
import { fp8 } from './fp8.ts';
import { gptq } from './gptq.ts';

/** The quantized checkpoints that infc reads: one file and one entry each. */
export const checkpointCodecs: readonly CheckpointCodec[] = [gptq, awq, fp8];

/** The files of a model with its quantized weights under the names of an unquantized one. Throws INFC1082 for an unknown method. */
export function unquantized(files: readonly WeightFile[], config: HfConfig): readonly WeightFile[] {
  const settings = config.section('quantization_config');
  if (!settings) return files;
  const method = settings.string('quant_method', 'none');
  const codec = checkpointCodecs.find((c) => c.methods.includes(method));
  if (!codec) {
    const known = checkpointCodecs.flatMap((c) => c.methods);
    throw new InfcError('INFC1082', `'quant_method' is '${method}', which infc does not read`, {
      file: config.file,
      pointer: '/quantization_config/quant_method',
      fix: `Use one of ${known.join(', ')}, or the unquantized model with --quant`,
    });
  }
  const weights = codec.weights(new StoredTensors(files), settings);
  const made: WeightFile = {
    name: `weights by ${method}`,
    tensors: weights,
    tied: () => undefined,
    constant: (name) => {
      const w = weights.get(name);
      if (!w) throw new TypeError(`'${name}' is not one of the weights`);
      return w.constant();
    },
  };
  const rest = files.map((f) => ({
    ...f,
    tensors: new Map([...f.tensors].filter(([name]) => !weights.has(name))),
  }));
  return [made, ...rest];
}
