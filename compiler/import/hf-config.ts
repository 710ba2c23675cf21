import { InfcError } from '../../runtime/errors.ts';
import type { Program } from '../ir/graph.ts';
import type { OpTable } from '../ir/graph-builder.ts';
import { type Architecture, HfConfig, HfWeights, isRecord } from './architecture.ts';
import { llama } from './architectures/llama.ts';
import { type DimOptions, SymbolTable } from './symbols.ts';
import { buildTransformer, type TransformerOptions } from './transformer/model.ts';
import type { WeightFile } from './weight-file.ts';

/** The families infc knows: one file and one entry here each. */
export const architectures: readonly Architecture[] = [llama];

/** What makes up a model in Hugging Face's layout. */
export interface HfModel {
  readonly name: string;
  readonly config: { readonly file: string; readonly text: string };
  readonly weights: readonly WeightFile[];
}

/** Builds the program of a model from its config and weights. Throws INFC108x naming the key or weight. */
export function importHf(
  model: HfModel,
  ops: OpTable,
  dims: DimOptions = {},
  options: TransformerOptions = {},
): Program {
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
  const weights = new HfWeights(model.weights);
  const described = found.describe(new HfConfig(values, file), weights, options);
  const program = buildTransformer(described, model.name, weights, ops, symbols, options);
  symbols.checkOptionsUsed();
  return program;
}
