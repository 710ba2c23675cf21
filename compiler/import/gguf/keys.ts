import { InfcError } from '../../../runtime/errors.ts';
import type { GgufArray, GgufValue } from './metadata.ts';
import type { GgufFile } from './reader.ts';

/** Typed access to a file's metadata; errors name the key. Keys that begin with a dot belong to the model's architecture. */
export class GgufKeys {
  readonly architecture: string;

  constructor(readonly file: GgufFile) {
    this.architecture = '';
    this.architecture = this.string('general.architecture');
  }

  private full(key: string): string {
    return key.startsWith('.') ? `${this.architecture}${key}` : key;
  }

  value(key: string): GgufValue | undefined {
    return this.file.metadata.get(this.full(key));
  }

  has(key: string): boolean {
    return this.value(key) !== undefined;
  }

  /** A number; an array of one number for every layer counts as that number. */
  number(key: string): number {
    const v = this.value(key);
    const same = isArray(v) && v.values.length > 0 && Array.from(v.values).every((x) => x === v.values[0]);
    const n = same ? v.values[0] : v;
    if (typeof n !== 'number' || !Number.isFinite(n)) throw this.bad(key, 'one number', v);
    return n;
  }

  optionalNumber(key: string): number | undefined {
    return this.has(key) ? this.number(key) : undefined;
  }

  string(key: string): string {
    const v = this.value(key);
    if (typeof v !== 'string') throw this.bad(key, 'a string', v);
    return v;
  }

  optionalString(key: string): string | undefined {
    return this.has(key) ? this.string(key) : undefined;
  }

  flag(key: string): boolean | undefined {
    const v = this.value(key);
    if (v !== undefined && typeof v !== 'boolean') throw this.bad(key, 'true or false', v);
    return v;
  }

  strings(key: string): readonly string[] {
    const v = this.value(key);
    if (!isArray(v) || v.type !== 'string') throw this.bad(key, 'an array of strings', v);
    return Array.from(v.values, String);
  }

  numbers(key: string): readonly number[] {
    const v = this.value(key);
    if (!isArray(v) || v.type === 'string' || v.type === 'array') throw this.bad(key, 'an array of numbers', v);
    return Array.from(v.values, Number);
  }

  private bad(key: string, expected: string, got: GgufValue | undefined): InfcError {
    const shown = got === undefined ? 'missing' : isArray(got) ? `an array of ${got.type}` : String(got).slice(0, 80);
    return new InfcError('INFC1134', `metadata key '${this.full(key)}' must be ${expected}, not ${shown}`, {
      file: this.file.source.name,
      fix: 'Convert the model again with a current llama.cpp',
    });
  }
}

const isArray = (v: GgufValue | undefined): v is GgufArray => typeof v === 'object';
