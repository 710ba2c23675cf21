import { InfcError } from '../../runtime/errors.ts';
import type { Program } from '../ir/graph.ts';
import type { OpTable } from '../ir/graph-builder.ts';
import { type Architecture, HfConfig, HfWeights, isRecord } from './architecture.ts';
import { bert } from './architectures/bert.ts';
import { gemma2 } from './architectures/gemma2.ts';
import { gemma3 } from './architectures/gemma3.ts';
import { gptNeox } from './architectures/gpt-neox.ts';
import { gpt2 } from './architectures/gpt2.ts';
import { llama } from './architectures/llama.ts';
import { mistral } from './architectures/mistral.ts';
import { mixtral } from './architectures/mixtral.ts';
import { phi3 } from './architectures/phi3.ts';
import { qwen2 } from './architectures/qwen2.ts';
import { qwen3 } from './architectures/qwen3.ts';
import { rwkv4 } from './architectures/rwkv4.ts';
import { rwkv5 } from './architectures/rwkv5.ts';
import { type Adapter, mergeAdapters } from './lora.ts';
import { unquantized } from './quantized/index.ts';
import { type DimOptions, SymbolTable } from './symbols.ts';
import { buildTransformer, type TransformerOptions } from './transformer/model.ts';
import type { WeightFile } from './weight-file.ts';

/** The families infc knows: one file and one entry here each. Of those that share a GGUF architecture the first that wants a file gets it. */
export const architectures: readonly Architecture[] = [
  mixtral,
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  phi3,
  gpt2,
  gptNeox,
  bert,
  rwkv4,
  rwkv5,
];

/** What makes up a model in Hugging Face's layout. */
export interface HfModel {
  readonly name: string;
  /** Some families can do without: their tensors say it all. */
  readonly config?: { readonly file: string; readonly text: string };
  /** Settings that other files of the folder add to the config. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly weights: readonly WeightFile[];
  /** LoRA adapters to merge, in this order. */
  readonly adapters?: readonly Adapter[];
}

/** Builds the program of a model from its config and weights. Throws INFC108x naming the key or weight. */
export function importHf(
  model: HfModel,
  ops: OpTable,
  dims: DimOptions = {},
  options: TransformerOptions = {},
): Program {
  const { values, file } = configOf(model);
  const config = new HfConfig(values, file);
  const named: unknown = Array.isArray(values.architectures) ? values.architectures[0] : undefined;
  const found = architectures.find((a) => typeof named === 'string' && a.names.includes(named));
  if (!found) {
    const known = architectures.flatMap((a) => a.names);
    throw new InfcError('INFC1086', `architecture ${JSON.stringify(named) ?? 'not given'} is not supported`, {
      file,
      pointer: '/architectures/0',
      fix: `infc knows ${known.join(', ')}; export the model to ONNX otherwise`,
    });
  }
  const symbols = new SymbolTable(dims);
  const weights = new HfWeights(mergeAdapters(unquantized(model.weights, config), model.adapters ?? []));
  const described = found.describe(config, weights, options);
  const program = buildTransformer(described, model.name, weights, ops, symbols, options);
  symbols.checkOptionsUsed();
  return program;
}

function configOf(model: HfModel): { readonly values: Record<string, unknown>; readonly file: string } {
  if (!model.config) {
    const weights = new HfWeights(model.weights);
    for (const a of architectures) {
      const values = a.infer?.(weights);
      if (values) return { values, file: model.weights[0]?.name ?? '' };
    }
    throw new InfcError('INFC1080', 'there is no config.json beside the weights', {
      file: model.weights[0]?.name ?? model.name,
      fix: 'Put the config.json of the model into the folder of its weights',
    });
  }
  const { file, text } = model.config;
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (cause) {
    throw new InfcError('INFC1080', 'the config is not JSON', {
      file,
      cause,
      fix: 'Give the config.json of the model',
    });
  }
  if (!isRecord(values))
    throw new InfcError('INFC1080', 'the config is no object', { file, fix: 'Give the config.json of the model' });
  return { values: { ...values, ...model.more }, file };
}
