import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TinyModel, VOCABULARY } from './tiny-model.ts';

interface Fixture {
  readonly tokens: readonly number[];
  /** f32, one row of log-probabilities for each token; or an embedding. */
  readonly rows: string;
}

const fixtureOf = (model: TinyModel): string => path.join(import.meta.dirname, 'fixtures', `${model.name}.json`);

/** What the independent implementation gave for the model: a row for each token, or the one row of an embedding. */
export function recorded(model: TinyModel): Float32Array[] {
  const { tokens, rows }: Fixture = JSON.parse(readFileSync(fixtureOf(model), 'utf8'));
  if (tokens.join() !== model.tokens.join()) throw new Error(`${model.name} was recorded with other tokens`);
  const values = new Float32Array(new Uint8Array(Buffer.from(rows, 'base64')).buffer);
  if (model.embedding) return [values];
  return tokens.map((_, i) => values.subarray(i * VOCABULARY, (i + 1) * VOCABULARY));
}

/** Writes it down. */
export function record(model: TinyModel, rows: readonly (readonly number[])[]): void {
  const flat = Float32Array.from(rows.flat());
  const fixture: Fixture = { tokens: model.tokens, rows: Buffer.from(flat.buffer).toString('base64') };
  writeFileSync(fixtureOf(model), `${JSON.stringify(fixture, null, 2)}\n`);
}
