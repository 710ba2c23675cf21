import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { alphabetOf } from '../compress/ctc.ts';
import type { Outputs } from '../compress/damage.ts';
import type { Samples } from '../compress/samples.ts';
import { type Label, TaskMetric, type TaskScores } from '../compress/task-metrics.ts';
import { numbersOf, typedData } from '../tensor-values.ts';
import type { Args } from './args.ts';

/** How two models do against labels, on one of their outputs. */
export interface Task {
  readonly output: string;
  readonly scores: TaskScores;
  readonly reference: TaskScores;
}

/** Collects scores while samples run; `finish` gives them. */
export interface Labelled {
  onOutputs(sample: number, reference: Outputs, other: Outputs): void;
  finish(): Task;
}

/**
 * The labels of `--labels FILE` for these samples, which `--output NAME` (else the first output) and `--characters FILE` are compared
 * with. A JSON object by sample, a JSON list in their order, or lines `sample<TAB>label`. Throws INFC8047.
 */
export async function openLabels(samples: Samples, args: Args, cwd: string): Promise<Labelled | undefined> {
  const given = args.value('labels');
  if (given === undefined) return undefined;
  const file = path.resolve(cwd, given);
  if (samples.kind === 'tokens')
    throw new InfcError('INFC8047', 'a language model is measured on its text, not on labels', {
      file,
      fix: 'Leave --labels out',
    });
  const labels = labelsFor(samples, await read(file), file);
  const characters = args.value('characters');
  const alphabet = characters === undefined ? undefined : alphabetOf(await read(path.resolve(cwd, characters)));
  const [mine, theirs] = [new TaskMetric(alphabet), new TaskMetric(alphabet)];
  let output = args.value('output');
  const score = (metric: TaskMetric, outputs: Outputs, label: Label): void => {
    output ??= Object.keys(outputs)[0] ?? '';
    const tensor = outputs[output];
    if (!tensor || !typedData(tensor))
      throw new InfcError('INFC8047', `there is no output '${output}' of numbers`, {
        fix: `Outputs: ${Object.keys(outputs).join(', ')}`,
      });
    metric.add(numbersOf(tensor), tensor.shape, label);
  };
  return {
    onOutputs(i, reference, other) {
      const label = labels[i];
      if (label === undefined) return;
      score(theirs, reference, label);
      score(mine, other, label);
    },
    finish: () => ({ output: output ?? '', scores: mine.finish(), reference: theirs.finish() }),
  };
}

const read = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: unknown) => {
    throw new InfcError('INFC8047', 'the file cannot be read', { file, cause, fix: 'Check the path' });
  });

function labelsFor(samples: Samples & { kind: 'inputs' }, text: string, file: string): readonly Label[] {
  const bad = (reason: string, pointer = ''): InfcError =>
    new InfcError('INFC8047', reason, {
      file,
      pointer,
      fix: 'Write {"sample": label, ...}, [label, ...] in the order of the samples, or lines of sample<TAB>label',
    });
  const value = /^\s*[[{]/.test(text) ? parse(text, bad) : fromLines(text, bad);
  const list = Array.isArray(value)
    ? value
    : (samples.names ?? []).map((name) => (isRecord(value) ? value[name] : undefined));
  if (list.length !== samples.inputs.length)
    throw bad(`${list.length} labels for ${samples.inputs.length} samples${samples.names ? '' : ' without names'}`);
  return list.map((label: unknown, i) => {
    if (isLabel(label)) return label;
    const name = samples.names?.[i] ?? String(i);
    throw bad(label === undefined ? `sample '${name}' has no label` : `that of '${name}' is no label`, `/${name}`);
  });
}

function parse(text: string, bad: (reason: string) => InfcError): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw bad('the labels are not JSON');
  }
}

/** A label that is a number is a class; anything else is a text. */
function fromLines(text: string, bad: (reason: string) => InfcError): Record<string, Label> {
  const lines = text.split(/\r?\n/).filter((l) => l !== '');
  return Object.fromEntries(
    lines.map((line, i) => {
      const tab = line.indexOf('\t');
      if (tab < 0) throw bad(`line ${i + 1} has no tab`);
      const label = line.slice(tab + 1);
      return [line.slice(0, tab), /^\d+$/.test(label) ? Number(label) : label];
    }),
  );
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
const isLabel = (v: unknown): v is Label =>
  typeof v === 'string' || Number.isFinite(v) || (Array.isArray(v) && v.every((n) => Number.isFinite(n)));
