import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type {
  GenerateOptions,
  LanguageModel,
  Message,
  Output,
  Prompt,
  Strategy,
} from '../../runtime/generate/index.ts';
import { nearest } from '../diagnostics.ts';
import { type Args, numberOption } from './args.ts';
import type { Io } from './io.ts';
import { openLanguageModel } from './language-model.ts';

const STRATEGIES = ['greedy', 'sample', 'beam', 'diverse-beam', 'prompt-lookup', 'speculative'] as const;

/** What the options of the command line ask for. `close` lets go of a draft model. */
export async function generating(
  args: Args,
  io: Io,
): Promise<{ readonly options: GenerateOptions<Output | undefined>; close(): Promise<void> }> {
  const overflow = args.value('overflow');
  if (overflow !== undefined && overflow !== 'error' && overflow !== 'slide')
    throw new InfcError('INFC8003', `--overflow is '${overflow}'`, {
      fix: 'Write --overflow error or --overflow slide',
    });
  const output = await constraintOf(args, io);
  const { strategy, close } = await strategyOf(args, io);
  const options: GenerateOptions<Output | undefined> = {
    maxTokens: numberOption(args, 'max-tokens') ?? 256,
    temperature: numberOption(args, 'temperature'),
    topK: numberOption(args, 'top-k'),
    topP: numberOption(args, 'top-p'),
    minP: numberOption(args, 'min-p'),
    repetitionPenalty: numberOption(args, 'repetition-penalty'),
    seed: numberOption(args, 'seed'),
    stop: args.list('stop'),
    overflow,
    strategy,
    output,
    signal: io.signal,
  };
  return { options, close };
}

async function strategyOf(
  args: Args,
  io: Io,
): Promise<{ readonly strategy: Strategy | undefined; close(): Promise<void> }> {
  const name = args.value('strategy') ?? (args.value('draft') === undefined ? undefined : 'speculative');
  const draft = args.value('draft');
  const close = async (): Promise<void> => undefined;
  if (name === undefined) return { strategy: undefined, close };
  const known = STRATEGIES.find((s) => s === name);
  if (known === undefined) {
    const near = nearest(name, STRATEGIES);
    throw new InfcError('INFC8003', `there is no decode strategy '${name}'`, {
      fix: near ? `Did you mean '${near}'?` : `Strategies: ${STRATEGIES.join(', ')}`,
    });
  }
  const { beam, diverseBeam, greedy, promptLookup, sample, speculative } = await import(
    '../../runtime/generate/index.ts'
  );
  const beams = numberOption(args, 'beams');
  const width = beams === undefined ? {} : { beams };
  if (known === 'speculative') {
    if (draft === undefined)
      throw new InfcError('INFC8003', 'speculative decoding needs a draft model', { fix: 'Give it with --draft DIR' });
    const small = await openLanguageModel(draft, args, io);
    return { strategy: speculative({ draft: small.decoder() }), close: () => small.dispose() };
  }
  const strategies = {
    greedy: () => greedy,
    sample: () => sample,
    beam: () => beam(width),
    'diverse-beam': () => diverseBeam(width),
    'prompt-lookup': () => promptLookup(),
  };
  return { strategy: strategies[known](), close };
}

async function constraintOf(args: Args, io: Io): Promise<Output | undefined> {
  const [schema, file, pattern] = ['schema', 'grammar', 'regex'].map((name) => args.value(name));
  if ([schema, file, pattern].filter((v) => v !== undefined).length > 1)
    throw new InfcError('INFC8003', 'there is more than one constraint', {
      fix: 'Give --schema, --grammar or --regex',
    });
  const { readSchema, readTextConstraint } = await import('./constraint-file.ts');
  if (schema?.endsWith('.infg')) {
    const { staticConstraint } = await import('../../grammars/artifact/static-constraint.ts');
    return staticConstraint(await readFile(path.resolve(io.cwd, schema)));
  }
  if (schema !== undefined) {
    const { constrain } = await import('../../grammars/constrain.ts');
    return constrain(await readSchema(schema, io));
  }
  if (file !== undefined) return (await readTextConstraint(file, io)).constraint;
  if (pattern === undefined) return undefined;
  const { regex } = await import('../../grammars/text-constraint.ts');
  return regex(pattern);
}

/** The prompt that the options give. Throws INFC8003 when there is none or more than one, INFC8031 when a file does not hold messages. */
export async function promptOf(args: Args, io: Io): Promise<Prompt> {
  const [text, ids, file] = ['prompt', 'prompt-ids', 'messages'].map((name) => args.value(name));
  if ([text, ids, file].filter((v) => v !== undefined).length !== 1)
    throw new InfcError('INFC8003', 'one prompt is needed', {
      fix: 'Give --prompt TEXT, --prompt-ids 1,2,3 or --messages FILE',
    });
  if (text !== undefined) return text;
  if (ids !== undefined) {
    if (!/^\s*\d+(\s*[,\s]\s*\d+)*\s*$/.test(ids))
      throw new InfcError('INFC8003', `--prompt-ids '${ids}' is no list of token ids`, {
        fix: 'Write --prompt-ids 1,2,3',
      });
    return ids
      .trim()
      .split(/[,\s]+/)
      .map(Number);
  }
  return readMessages(path.resolve(io.cwd, file ?? ''));
}

async function readMessages(file: string): Promise<readonly Message[]> {
  const wrong = (why: string, cause?: unknown): InfcError =>
    new InfcError('INFC8031', `the file holds no messages: ${why}`, {
      file,
      fix: 'Write [{"role": "user", "content": "..."}]',
      ...(cause === undefined ? {} : { cause }),
    });
  const content = await readFile(file, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : 'it is not JSON', cause);
  }
  const list: unknown = Array.isArray(value) ? value : (value as { messages?: unknown } | null)?.messages;
  if (!Array.isArray(list) || list.length === 0) throw wrong('it is no list');
  const bad = list.findIndex((m) => !isMessage(m));
  if (bad >= 0) throw wrong(`entry ${bad} lacks a role or a text`);
  return list.filter(isMessage);
}

const isMessage = (m: unknown): m is Message =>
  typeof m === 'object' &&
  m !== null &&
  'role' in m &&
  'content' in m &&
  typeof m.role === 'string' &&
  typeof m.content === 'string';

/** Tokens as text: as the tokenizer has them, else their ids. */
export const shown = (model: LanguageModel, tokens: readonly number[]): string =>
  model.text ? '' : tokens.map((t) => `${t} `).join('');
