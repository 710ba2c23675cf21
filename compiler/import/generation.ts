import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { PlanGeneration } from '../../runtime/plan.ts';
import type { Graph, Program } from '../ir/graph.ts';
import { isRecord } from './architecture.ts';
import { readTokenizer } from './tokenizer-files.ts';

/** What a model's config.json and generation_config.json say about generating; both are optional. */
export interface GenerationSettings {
  readonly eos: readonly number[];
  readonly bos?: number;
  readonly pad?: number;
  /** Positions the model was trained for. */
  readonly context?: number;
  /** Sampling that the model's authors recommend. */
  readonly sampling?: NonNullable<PlanGeneration['sampling']>;
}

/** Settings from generation_config.json where it has them, else from config.json. */
export function generationSettings(
  config: Readonly<Record<string, unknown>> = {},
  generation: Readonly<Record<string, unknown>> = {},
): GenerationSettings {
  const setting = (key: string): unknown => generation[key] ?? config[key];
  const ids = (value: unknown): number[] => (Array.isArray(value) ? value : [value]).filter(isTokenId);
  const [bos] = ids(setting('bos_token_id'));
  const [pad] = ids(setting('pad_token_id'));
  const context = [config.max_position_embeddings, config.n_positions, config.n_ctx].find(isTokenId);
  const number = (key: string): number | undefined => {
    const value = generation[key];
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  };
  const chosen = generation.do_sample === true;
  const sampling = Object.fromEntries(
    (
      [
        ['temperature', chosen ? (number('temperature') ?? 1) : undefined],
        ['topK', chosen ? number('top_k') : undefined],
        ['topP', chosen ? number('top_p') : undefined],
        ['minP', chosen ? number('min_p') : undefined],
        ['repetitionPenalty', number('repetition_penalty')],
      ] as const
    ).filter((entry) => entry[1] !== undefined),
  );
  return {
    eos: ids(setting('eos_token_id')),
    ...(bos === undefined ? {} : { bos }),
    ...(pad === undefined ? {} : { pad }),
    ...(context === undefined ? {} : { context }),
    ...(Object.keys(sampling).length > 0 ? { sampling } : {}),
  };
}

/** Settings from the files in a model's folder. Throws INFC1080 when one of them is not JSON. */
export function readGenerationSettings(folder: string): GenerationSettings {
  return generationSettings(
    readJson(path.join(folder, 'config.json')),
    readJson(path.join(folder, 'generation_config.json')),
  );
}

function readJson(file: string): Readonly<Record<string, unknown>> {
  if (!existsSync(file)) return {};
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isRecord(value) ? value : {};
  } catch (cause) {
    throw new InfcError('INFC1080', 'the config is not JSON', { file, cause, fix: 'Download the file again' });
  }
}

const isTokenId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const PAST = /^past(?:_key_values)?\.(.+)$/;

/** The program with what the files of its folder say about generating text, when it does. */
export function asLanguageModel(program: Program, folder: string | undefined): Program {
  const described = withGeneration(program, folder === undefined ? { eos: [] } : readGenerationSettings(folder));
  const { generation } = described;
  if (!generation) return described;
  const tokenizer = described.tokenizer ?? (folder === undefined ? undefined : readTokenizer(folder));
  return tokenizer ? { ...described, tokenizer, generation: { ...generation, tokenizer: true } } : described;
}

/**
 * The program with what generating needs to know: the importer's own description with the settings' tokens, or one found from ports, when
 * entries take `input_ids` and caches `past.N` (or `past_key_values.N`) and give `logits` and `present.N`, as exports by optimum do.
 */
export function withGeneration(program: Program, settings: GenerationSettings): Program {
  const own = program.generation ?? fromPorts(program, settings);
  if (!own) return program;
  const { eos, bos, pad, sampling } = settings;
  return {
    ...program,
    generation: {
      ...own,
      ...(eos.length > 0 ? { eos } : {}),
      ...(bos === undefined ? {} : { bos }),
      ...(pad === undefined ? {} : { pad }),
      ...(sampling === undefined ? {} : { sampling }),
    },
  };
}

function fromPorts(program: Program, settings: GenerationSettings): PlanGeneration | undefined {
  const decoders = [...program.entries].filter(([, graph]) => isDecoder(graph));
  const withPast = decoders.find(([, graph]) => graph.inputs.some((v) => PAST.test(v.name)));
  if (!withPast) return undefined;
  const [decode, graph] = withPast;
  const [prefill] = decoders.find(([, g]) => !g.inputs.some((v) => PAST.test(v.name))) ?? withPast;
  const vocabulary = graph.outputs.find((v) => v.name === 'logits')?.type.shape.at(-1);
  if (typeof vocabulary !== 'number') return undefined;
  return {
    kind: 'decoder',
    entries: { prefill, decode },
    context: settings.context ?? largestPast(graph),
    vocabulary,
    eos: [],
    stateBytes: 0,
  };
}

function isDecoder(graph: Graph): boolean {
  const names = new Set(graph.outputs.map((v) => v.name));
  const caches = graph.inputs.flatMap((v) => PAST.exec(v.name)?.[1] ?? []);
  return (
    graph.inputs.some((v) => v.name === 'input_ids') &&
    names.has('logits') &&
    [...names].some((name) => name.startsWith('present.')) &&
    caches.every((name) => names.has(`present.${name}`))
  );
}

/** Context of a model that does not say: what its cache's dimension allows. */
function largestPast(graph: Graph): number {
  const past = graph.inputs.find((v) => PAST.test(v.name))?.type.shape.at(-2);
  const max = typeof past === 'object' && 'max' in past ? past.max : undefined;
  return typeof max === 'number' && max < 2 ** 31 - 1 ? max + 1 : 2048;
}
