import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { HostTensor } from '../../runtime/host.ts';
import type { PlanGeneration } from '../../runtime/plan.ts';
import type { Samples } from '../compress/samples.ts';
import type { ConcretePort } from './inputs.ts';
import { readInput } from './inputs.ts';
import { randomTensor } from './random-tensor.ts';

/** Tokens of a piece of text that is measured or calibrated on at once. */
const PIECE = 256;

/** What a source of samples is read for. */
export interface SampleReader {
  readonly generation?: PlanGeneration;
  /** Token ids of a text; absent when the model has no tokenizer. */
  readonly encode?: (text: string) => Promise<readonly number[]>;
  /** Inputs of other models. */
  readonly ports: readonly ConcretePort[];
  readonly cwd: string;
}

/**
 * Samples for calibration and measuring. Language models: a text file, or a JSON file of token ids ([[1, 2], ...]), cut into pieces. Other
 * models: a folder with one .npy file a sample (one input), or one folder a sample with NAME.npy files, or `random:COUNT`. Throws INFC8041
 * when there is nothing to read, or it does not fit the model.
 */
export async function readSamples(source: string, reader: SampleReader): Promise<Samples> {
  if (reader.generation) return readTexts(path.resolve(reader.cwd, source), reader.generation, reader);
  const random = /^random:([1-9]\d{0,3})$/.exec(source);
  if (random)
    return {
      kind: 'inputs',
      inputs: Array.from({ length: Number(random[1]) }, (_, i) =>
        Object.fromEntries(reader.ports.map((p) => [p.name, randomTensor(p, { seed: i + 1 })])),
      ),
    };
  return readFolder(path.resolve(reader.cwd, source), reader);
}

/** Says which sizes samples at random have. */
export const randomText = (dims: Readonly<Record<string, number>>): string =>
  `random inputs have ${Object.entries(dims)
    .map(([name, n]) => `${name}=${n}`)
    .join(', ')}`;

const empty = (file: string, reason: string): InfcError =>
  new InfcError('INFC8041', reason, {
    file,
    fix: 'Language models: a text file or JSON lists of token ids. Others: a folder of .npy files, or random:COUNT',
  });

async function readTexts(file: string, generation: PlanGeneration, { encode }: SampleReader): Promise<Samples> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const isFolder = cause instanceof Error && 'code' in cause && cause.code === 'EISDIR';
    throw new InfcError('INFC8041', isFolder ? 'a language model reads no folder' : 'the text cannot be read', {
      file,
      cause,
      fix: isFolder ? 'Give a text file, or a JSON file of token ids: [[1, 2, 3], ...]' : 'Check the path',
    });
  });
  let texts: readonly (readonly number[])[];
  if (file.endsWith('.json')) texts = tokenLists(file, text, generation.vocabulary);
  else {
    if (!encode) throw empty(file, 'the model has no tokenizer to read a text with');
    if (text.trim() === '') throw empty(file, 'the text is empty');
    texts = [await encode(text)];
  }
  const size = Math.min(PIECE, generation.context);
  const pieces = texts.flatMap((ids) =>
    Array.from({ length: Math.ceil(ids.length / size) }, (_, i) => ids.slice(i * size, (i + 1) * size)),
  );
  // A few tokens at the end say nothing.
  const least = Math.min(8, size);
  const long = pieces.filter((p) => p.length >= least);
  if (long.length === 0) {
    const longest = pieces.reduce((m, p) => Math.max(m, p.length), 0);
    throw empty(file, longest === 0 ? 'there are no texts' : `no text has ${least} tokens, the longest ${longest}`);
  }
  return { kind: 'tokens', texts: long };
}

function tokenLists(file: string, text: string, vocabulary: number): number[][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InfcError('INFC8041', 'the file of token ids is not JSON', {
      file,
      cause,
      fix: 'Write [[1, 2, 3], ...]',
    });
  }
  const lists: unknown[] =
    Array.isArray(value) && value.every((v) => typeof v === 'number')
      ? [value]
      : Array.isArray(value)
        ? value
        : [value];
  return lists.map((list, i) => {
    const bad = (reason: string): InfcError =>
      new InfcError('INFC8041', `list ${i} ${reason}`, { file, pointer: `/${i}`, fix: 'Write [[1, 2, 3], ...]' });
    if (!Array.isArray(list)) throw bad('is no list of token ids');
    return list.map((t: unknown) => {
      if (typeof t !== 'number' || !Number.isInteger(t) || t < 0 || t >= vocabulary)
        throw bad(`has ${JSON.stringify(t)}, which is no token of a vocabulary of ${vocabulary}`);
      return t;
    });
  });
}

async function readFolder(folder: string, { ports, cwd }: SampleReader): Promise<Samples> {
  const names = (await readdir(folder)).sort();
  const inputs: Record<string, HostTensor>[] = [];
  const sampleNames: string[] = [];
  for (const name of names) {
    const place = path.join(folder, name);
    if ((await stat(place)).isDirectory()) {
      const one: Record<string, HostTensor> = {};
      for (const port of ports) {
        const file = path.join(place, `${port.name.replaceAll(/[^\w.-]/g, '_')}.npy`);
        one[port.name] = checked(file, port, await readInput(port, file, cwd));
      }
      inputs.push(one);
      sampleNames.push(name);
    } else if (name.endsWith('.npy')) {
      const [port, more] = ports;
      if (!port || more)
        throw empty(place, `the model has ${ports.length} inputs: a sample is a folder with a file for each`);
      inputs.push({ [port.name]: checked(place, port, await readInput(port, place, cwd)) });
      sampleNames.push(name.slice(0, -'.npy'.length));
    }
  }
  if (inputs.length === 0) throw empty(folder, 'there are no samples here');
  return { kind: 'inputs', inputs, names: sampleNames };
}

function checked(file: string, port: ConcretePort, tensor: HostTensor): HostTensor {
  const { free } = port;
  const isWrong = tensor.shape.some((n, i) => free?.[i] === false && n !== port.shape[i]);
  if (tensor.dtype !== port.dtype || tensor.shape.length !== port.shape.length || isWrong) {
    const dims = port.shape.map((n, i) => (free?.[i] ? 'any' : n)).join(', ');
    throw new InfcError(
      'INFC8041',
      `a sample of ${tensor.dtype}[${tensor.shape.join(', ')}] is none of '${port.name}': ${port.dtype}[${dims}]`,
      { file, fix: `Write arrays of ${port.dtype}[${dims}]` },
    );
  }
  return tensor;
}
