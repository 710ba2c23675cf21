import { InfcError } from '../../../runtime/errors.ts';
import type { Program, TokenizerFiles } from '../../ir/graph.ts';
import type { OpTable } from '../../ir/graph-builder.ts';
import { type Architecture, HfConfig, HfWeights } from '../architecture.ts';
import { generationSettings, withGeneration } from '../generation.ts';
import { type Adapter, mergeAdapters } from '../lora.ts';
import { type DimOptions, SymbolTable } from '../symbols.ts';
import { buildTransformer, type TransformerOptions } from '../transformer/model.ts';
import { ggufConfig } from './config.ts';
import { type GgufFamily, ggufNames } from './family.ts';
import { GgufKeys } from './keys.ts';
import type { GgufFile } from './reader.ts';
import { tokenizerFromGguf } from './tokenizer.ts';
import { ggufWeights } from './weights.ts';

/** The files of a model: one, or the splits of one, whose first has the metadata. */
export interface GgufModel {
  readonly name: string;
  readonly files: readonly [GgufFile, ...GgufFile[]];
  /** A tokenizer beside the file, for when the file's own is unknown. */
  readonly tokenizer?: TokenizerFiles;
  /** LoRA adapters to merge, in this order. */
  readonly adapters?: readonly Adapter[];
}

/**
 * Builds the program of a GGUF model: its metadata become the config, and its tensors the weights, of the same model in Hugging Face's
 * layout, so that both give the same program. Throws INFC1134 (metadata), INFC1133 (a format of weights) and INFC108x as for safetensors.
 */
export function importGguf(
  model: GgufModel,
  architectures: readonly Architecture[],
  ops: OpTable,
  dims: DimOptions = {},
  options: TransformerOptions = {},
): Program {
  const [first] = model.files;
  const keys = new GgufKeys(first);
  const { architecture, family } = familyOf(keys, architectures);
  const common = ggufConfig(keys);
  const values = { ...common, ...family.config?.(keys, common), architectures: architecture.names };
  const config = new HfConfig(values, first.source.name);
  const names = ggufNames(family, config);
  const symbols = new SymbolTable(dims);
  const weights = new HfWeights(
    mergeAdapters(
      model.files.map((f) => ggufWeights(f, names)),
      model.adapters ?? [],
    ),
  );
  const described = architecture.describe(config, weights, options);
  const program = buildTransformer(described, model.name, weights, ops, symbols, options);
  symbols.checkOptionsUsed();
  const tokenizer = tokenizerFromGguf(keys, model.tokenizer);
  return withGeneration(
    {
      ...program,
      metadata: { ...program.metadata, format: `GGUF ${first.version}`, weights: typesOf(model) },
      ...(tokenizer ? { tokenizer } : {}),
    },
    generationSettings(values),
  );
}

/** How many tensors are of which type, for `infc inspect`. */
function typesOf({ files }: GgufModel): string {
  const counts = new Map<string, number>();
  for (const f of files)
    for (const { type } of f.tensors.values()) counts.set(type.name, (counts.get(type.name) ?? 0) + 1);
  return [...counts].map(([name, n]) => `${n} ${name}`).join(' and ');
}

function familyOf(
  keys: GgufKeys,
  architectures: readonly Architecture[],
): { readonly architecture: Architecture; readonly family: GgufFamily } {
  for (const architecture of architectures) {
    const family = architecture.gguf?.find((f) => f.architecture === keys.architecture && (f.when?.(keys) ?? true));
    if (family) return { architecture, family };
  }
  const known = [...new Set(architectures.flatMap((a) => a.gguf?.map((f) => f.architecture) ?? []))];
  throw new InfcError('INFC1086', `'general.architecture' is '${keys.architecture}', which infc does not know`, {
    file: keys.file.source.name,
    fix: `infc knows ${known.join(', ')}; convert the model's safetensors or ONNX export otherwise`,
  });
}
