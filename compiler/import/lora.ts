import { InfcError } from '../../runtime/errors.ts';
import { encodeFloat } from '../../runtime/minifloat.ts';
import { denseRows } from '../formats/rows.ts';
import { byteLength, viewOf } from '../ir/dtype.ts';
import type { Constant } from '../ir/graph.ts';
import { HfConfig, isRecord } from './architecture.ts';
import type { WeightFile } from './weight-file.ts';

/** A LoRA adapter as PEFT saves it: adapter_config.json and adapter_model.safetensors. */
export interface Adapter {
  readonly config: { readonly file: string; readonly text: string };
  readonly weights: WeightFile;
}

/** What an adapter does to one weight: W + scale * B A, or another weight altogether. */
type Change =
  | {
      readonly a: string;
      readonly b: string;
      readonly scale: number;
      readonly transposed: boolean;
      readonly from: WeightFile;
    }
  | { readonly whole: string; readonly from: WeightFile };

const PREFIX = 'base_model.model.';
const FACTOR = /^(.+)\.(?:lora_([AB])(?:\.\w+)?\.weight|lora_embedding_([AB])(?:\.\w+)?)$/;

/**
 * Weight files whose tensors have the adapters added (Hu et al. 2021, "LoRA": W + alpha / r * B A; with rsLoRA alpha / sqrt(r)), in the
 * order given, in f32 and then rounded to the weight's dtype. Tensors that an adapter holds whole (biases, `modules_to_save`) take the
 * place of the model's. Throws INFC1094 for what is no plain LoRA and INFC1095 for an adapter of another model.
 */
export function mergeAdapters(files: readonly WeightFile[], adapters: readonly Adapter[]): readonly WeightFile[] {
  if (adapters.length === 0) return files;
  const changes = new Map<string, Change[]>();
  for (const adapter of adapters) {
    for (const [weight, change] of changesOf(adapter, files))
      changes.set(weight, [...(changes.get(weight) ?? []), change]);
  }
  return files.map((file) => ({
    name: file.name,
    tensors: file.tensors,
    tied: (tensor) => file.tied(tensor),
    constant: (tensor) => (changes.get(tensor) ?? []).reduce(changed, file.constant(tensor)),
  }));
}

function changesOf({ config: source, weights }: Adapter, files: readonly WeightFile[]): Map<string, Change> {
  const config = readConfig(source);
  const changes = new Map<string, Change>();
  for (const tensor of weights.tensors.keys()) {
    const name = tensor.startsWith(PREFIX) ? tensor.slice(PREFIX.length) : tensor;
    const [, module, linear, embedding] = FACTOR.exec(name) ?? [];
    if (module === undefined) {
      if (/lora_/.test(name)) throw unsupported(source.file, `'${tensor}' is no factor of a plain LoRA`);
      changes.set(weightOf(name, files, weights.name), { whole: tensor, from: weights });
      continue;
    }
    if ((linear ?? embedding) === 'B') continue;
    const b = tensor.replace(/lora_(embedding_)?A/, 'lora_$1B');
    const rank = weights.tensors.get(tensor)?.shape[0];
    if (!weights.tensors.has(b) || !rank)
      throw new InfcError('INFC1095', `'${tensor}' has no '${b}' beside it`, {
        file: weights.name,
        fix: 'Save the adapter again',
      });
    const scale = scaleOf(config, module, rank);
    const weight = weightOf(`${module}.weight`, files, weights.name);
    changes.set(weight, {
      a: tensor,
      b,
      scale,
      transposed: embedding !== undefined || config.flag('fan_in_fan_out', false),
      from: weights,
    });
  }
  if (changes.size === 0) throw unsupported(source.file, 'it changes nothing');
  return changes;
}

function readConfig({ file, text }: Adapter['config']): HfConfig {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (cause) {
    throw new InfcError('INFC1080', 'the config is not JSON', { file, cause, fix: 'Download the file again' });
  }
  if (!isRecord(values))
    throw new InfcError('INFC1080', 'the config is no object', { file, fix: 'Download the file again' });
  const config = new HfConfig(values, file);
  if (config.string('peft_type', 'LORA') !== 'LORA')
    throw unsupported(file, `its peft_type is ${String(values.peft_type)}`);
  if (config.flag('use_dora', false)) throw unsupported(file, 'it is a DoRA');
  return config;
}

const unsupported = (file: string, why: string): InfcError =>
  new InfcError('INFC1094', `this adapter cannot be merged: ${why}`, {
    file,
    fix: 'Merge it with the tools it was made with, and compile the result',
  });

/** alpha / r, with what the config says for modules that match a pattern. */
function scaleOf(config: HfConfig, module: string, rank: number): number {
  const patterns = config.section('alpha_pattern');
  const key = patterns?.keys().find((k) => module === k || matches(k, module));
  const alpha = key !== undefined && patterns ? patterns.number(key) : config.number('lora_alpha', 8);
  return alpha / (config.flag('use_rslora', false) ? Math.sqrt(rank) : rank);
}

/** Whether the end of a module's path matches a pattern of the config. */
function matches(pattern: string, module: string): boolean {
  try {
    return new RegExp(`(^|\\.)(${pattern})$`).test(module);
  } catch {
    return false;
  }
}

/** The model's weight that an adapter calls `name`: of that name, or the only one whose name ends or begins like it. */
function weightOf(name: string, files: readonly WeightFile[], adapter: string): string {
  const all = files.flatMap((f) => [...f.tensors.keys()]);
  if (all.includes(name)) return name;
  const near = all.filter((n) => name.endsWith(`.${n}`) || n.endsWith(`.${name}`));
  const [only] = near;
  if (only === undefined || near.length > 1)
    throw new InfcError('INFC1095', `the adapter changes '${name}', which this model does not have`, {
      file: adapter,
      fix: 'Give the adapter of this very model',
    });
  return only;
}

function changed(base: Constant, change: Change): Constant {
  const { dtype, shape } = base.type;
  const [rows = 1, length = 1] = shape.map(Number);
  const misfit = (why: string): InfcError =>
    new InfcError('INFC1095', `the adapter does not fit '${base.name}' [${shape.join(', ')}]: ${why}`, {
      file: change.from.name,
      fix: 'Give the adapter of this very model',
    });
  if ('whole' in change) {
    const whole = change.from.constant(change.whole);
    if (whole.type.shape.join() !== shape.join())
      throw misfit(`its '${change.whole}' is [${whole.type.shape.join(', ')}]`);
    return { ...whole, name: base.name };
  }
  if (shape.length !== 2 || (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'bf16'))
    throw misfit('it is no matrix of floats');
  const [a, b] = [change.from.constant(change.a), change.from.constant(change.b)];
  const [rank = 0, inputs = 0] = a.type.shape.map(Number);
  const [outputs = 0, other = 0] = b.type.shape.map(Number);
  // Embeddings and Conv1D are stored the other way round: the product is added transposed.
  const turned = outputs === length && inputs === rows;
  const straight = outputs === rows && inputs === length && !(change.transposed && turned);
  if (rank !== other || !(straight || turned))
    throw misfit(`its factors are [${a.type.shape.join(', ')}] and [${b.type.shape.join(', ')}]`);
  const read = (): Uint8Array => {
    const sum = denseRows(base, { rows, length }, false).slice();
    const left = denseRows(b, { rows: outputs, length: rank }, false);
    const right = denseRows(a, { rows: rank, length: inputs }, false);
    for (let o = 0; o < outputs; o++)
      for (let r = 0; r < rank; r++) {
        const factor = change.scale * (left[o * rank + r] ?? 0);
        if (factor === 0) continue;
        for (let i = 0; i < inputs; i++) {
          const at = straight ? o * length + i : i * length + o;
          sum[at] = (sum[at] ?? 0) + factor * (right[r * inputs + i] ?? 0);
        }
      }
    if (dtype === 'f32') return new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength);
    const bytes = new Uint8Array(byteLength(dtype, sum.length));
    const out = viewOf(dtype, bytes.buffer, 0, sum.length);
    for (let i = 0; i < sum.length; i++) out[i] = encodeFloat(dtype, sum[i] ?? 0);
    return bytes;
  };
  // Planes that the file had already encoded are those of the weight without the adapter.
  return { name: base.name, type: base.type, bytes: base.bytes, read };
}
