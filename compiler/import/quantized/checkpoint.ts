import type { Constant } from '../../ir/graph.ts';
import type { HfConfig } from '../architecture.ts';
import type { WeightFile } from '../weight-file.ts';

/** Tensors of all files of a model as they are stored. */
export class StoredTensors {
  private readonly byName = new Map<string, WeightFile>();

  constructor(readonly files: readonly WeightFile[]) {
    for (const f of files) for (const name of f.tensors.keys()) this.byName.set(name, f);
  }

  get names(): IterableIterator<string> {
    return this.byName.keys();
  }

  get(name: string): Constant | undefined {
    return this.byName.get(name)?.constant(name);
  }
}

/** A way in which folders of safetensors keep quantized weights: several tensors stand for one weight. One file and one entry each. */
export interface CheckpointCodec {
  /** Values of `quant_method` in the config's `quantization_config`. */
  readonly methods: readonly string[];
  /** The weights that the tensors stand for, by the names they have in an unquantized model. `config`: the `quantization_config`. */
  weights(tensors: StoredTensors, config: HfConfig): ReadonlyMap<string, QuantizedWeight>;
}

/** One weight, made when asked for. */
export interface QuantizedWeight {
  readonly shape: readonly number[];
  constant(): Constant;
}

export const defineCheckpoint = (codec: CheckpointCodec): CheckpointCodec => codec;
