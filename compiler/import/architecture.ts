import { InfcError } from '../../runtime/errors.ts';
import type { Constant } from '../ir/graph.ts';
import type { GgufFamily } from './gguf/family.ts';
import { closest } from './suggest.ts';
import type { Transformer, TransformerOptions } from './transformer/model.ts';
import type { WeightFile } from './weight-file.ts';

/** What a `config.json` is read with: each getter checks the type and names the key when it is wrong. */
export class HfConfig {
  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    readonly file: string,
  ) {}

  keys(): readonly string[] {
    return Object.keys(this.values);
  }

  has(key: string): boolean {
    return this.values[key] !== undefined && this.values[key] !== null;
  }

  number(key: string, fallback?: number): number {
    const v = this.values[key] ?? fallback;
    if (typeof v !== 'number' || !Number.isFinite(v)) throw this.bad(key, 'a number', v);
    return v;
  }

  /** A width or number of parts: such that what is made of it before any weight is looked at stays small. */
  count(key: string, fallback?: number): number {
    return this.whole(key, fallback, 2 ** 24);
  }

  /** A number of layers or experts: each has weights with names of their own, which are listed before any is looked at. */
  parts(key: string): number {
    return this.whole(key, undefined, 2 ** 12);
  }

  /** A number of tokens. */
  positions(key: string, fallback?: number): number {
    return this.whole(key, fallback, 2 ** 31 - 1);
  }

  private whole(key: string, fallback: number | undefined, most: number): number {
    const n = this.number(key, fallback);
    if (!Number.isInteger(n) || n < 1 || n > most) throw this.bad(key, `a whole number from 1 to ${most}`, n);
    return n;
  }

  flag(key: string, fallback: boolean): boolean {
    const v = this.values[key] ?? fallback;
    if (typeof v !== 'boolean') throw this.bad(key, 'true or false', v);
    return v;
  }

  string(key: string, fallback?: string): string {
    const v = this.values[key] ?? fallback;
    if (typeof v !== 'string') throw this.bad(key, 'a string', v);
    return v;
  }

  /** A list of numbers. */
  numbers(key: string): readonly number[] {
    const v = this.values[key];
    if (!Array.isArray(v) || !v.every((x) => typeof x === 'number')) throw this.bad(key, 'a list of numbers', v);
    return v;
  }

  /** A list of strings. */
  strings(key: string): readonly string[] {
    const v = this.values[key];
    if (!Array.isArray(v) || !v.every((x) => typeof x === 'string')) throw this.bad(key, 'a list of strings', v);
    return v;
  }

  /** A nested object. */
  section(key: string): HfConfig | undefined {
    const v = this.values[key];
    if (v === undefined || v === null) return undefined;
    if (!isRecord(v)) throw this.bad(key, 'an object', v);
    return new HfConfig(v, this.file);
  }

  /** An error about a setting this architecture does not implement. */
  unsupported(key: string, why: string): InfcError {
    return new InfcError('INFC1082', `'${key}' is ${JSON.stringify(this.values[key])}: ${why}`, {
      file: this.file,
      pointer: `/${key}`,
      fix: 'Use a model without it, or add the architecture with a plugin',
    });
  }

  private bad(key: string, expected: string, got: unknown): InfcError {
    return new InfcError('INFC1081', `'${key}' must be ${expected}, not ${JSON.stringify(got) ?? 'missing'}`, {
      file: this.file,
      pointer: `/${key}`,
      fix: 'Check that config.json belongs to the weights',
    });
  }
}

/** A JSON object. */
export const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

/** Weights by name over all files of a model. */
export class HfWeights {
  private readonly constants = new Map<string, Constant>();
  private readonly names = new Map<string, WeightFile>();

  constructor(private readonly files: readonly WeightFile[]) {
    for (const f of files) {
      for (const name of f.tensors.keys()) {
        const other = this.names.get(name);
        if (other)
          throw new InfcError('INFC1083', `tensor '${name}' is in '${other.name}' and in '${f.name}'`, {
            file: f.name,
            fix: 'Give each weight file once',
          });
        this.names.set(name, f);
      }
    }
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  /** Shape of a weight, if there is one of that name. */
  shapeOf(name: string): readonly number[] | undefined {
    return this.names.get(name)?.tensors.get(name)?.shape;
  }

  /** Where the files' metadata say a tied weight lives. */
  tied(name: string): string | undefined {
    for (const f of this.files) {
      const target = f.tied(name);
      if (target !== undefined && this.has(target)) return target;
    }
    return undefined;
  }

  /** A weight of exactly this shape; every entry that asks gets the same constant. */
  get(name: string, shape: readonly number[]): Constant {
    let c = this.constants.get(name);
    if (!c) {
      const file = this.names.get(name);
      if (!file) {
        const near = closest(name, this.names.keys());
        throw new InfcError('INFC1084', `weight '${name}' is missing`, {
          fix: near ? `The closest name is '${near}': check the architecture` : 'Give all weight files of the model',
        });
      }
      c = file.constant(name);
      this.constants.set(name, c);
    }
    if (c.type.shape.length !== shape.length || c.type.shape.some((d, i) => d !== shape[i]))
      throw new InfcError(
        'INFC1085',
        `weight '${name}' is [${c.type.shape.join(', ')}], expected [${shape.join(', ')}]`,
        {
          fix: 'Check that config.json belongs to the weights',
        },
      );
    return c;
  }
}

/** The tensor of the output projection: its own, or the embedding table when the model ties them (default: as the config says). */
export function headWeight(
  config: HfConfig,
  weights: HfWeights,
  table: string,
  options: { readonly head?: string; readonly tied?: boolean | undefined } = {},
): string {
  const { head = 'lm_head.weight', tied = config.flag('tie_word_embeddings', false) } = options;
  return weights.has(head) || !tied ? head : table;
}

/** One model family: what its config and weights mean, in terms of the toolbox (../transformer). */
export interface Architecture {
  /** Names in `architectures` of config.json. */
  readonly names: readonly string[];
  /** Its GGUF files, if there are any. */
  readonly gguf?: readonly GgufFamily[];
  /** The config.json of weights that came without one, when their names and shapes say that they are of this family. */
  readonly infer?: (weights: HfWeights) => Readonly<Record<string, unknown>> | undefined;
  describe(config: HfConfig, weights: HfWeights, options: TransformerOptions): Transformer;
}
