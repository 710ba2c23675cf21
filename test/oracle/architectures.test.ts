import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { printProgram } from '../../compiler/ir/text.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';
import { distance, fromGguf, fromSafetensors, logProbabilities } from './run-tiny.ts';
import { tinyModels } from './tiny/index.ts';
import { ggufOf, type TinyModel, VOCABULARY } from './tiny-model.ts';

/**
 * Every architecture with random weights against llama.cpp. What llama.cpp gave is recorded in fixtures/; with INFC_PEERS (a folder whose
 * node_modules has node-llama-cpp) it is asked again, and with INFC_RECORD=1 the answers are written down.
 */
const registry = new Registry([builtin]);
const peers = process.env.INFC_PEERS;
const TOLERANCE = 1e-3;

const fixtureOf = (model: TinyModel): string => path.join(import.meta.dirname, 'fixtures', `${model.name}.json`);

interface Fixture {
  readonly tokens: readonly number[];
  /** f32, one row of log-probabilities for each token. */
  readonly rows: string;
}

function recorded(model: TinyModel): Float32Array[] {
  const { tokens, rows }: Fixture = JSON.parse(readFileSync(fixtureOf(model), 'utf8'));
  expect(tokens).toEqual(model.tokens);
  const values = new Float32Array(new Uint8Array(Buffer.from(rows, 'base64')).buffer);
  return tokens.map((_, i) => values.subarray(i * VOCABULARY, (i + 1) * VOCABULARY));
}

function askLlamaCpp(model: TinyModel): number[][] {
  const folder = mkdtempSync(path.join(tmpdir(), 'infc-oracle-'));
  try {
    const file = path.join(folder, 'model.gguf');
    writeFileSync(file, ggufOf(model));
    const script = path.join(import.meta.dirname, 'llama-cpp.mjs');
    const out = execFileSync(process.execPath, [script, file, 'logits', model.tokens.join(',')], { encoding: 'utf8' });
    return JSON.parse(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function record(model: TinyModel, rows: readonly (readonly number[])[]): void {
  const flat = Float32Array.from(rows.flat());
  const fixture: Fixture = { tokens: model.tokens, rows: Buffer.from(flat.buffer).toString('base64') };
  writeFileSync(fixtureOf(model), `${JSON.stringify(fixture, null, 2)}\n`);
}

describe.each(tinyModels.map((m) => [m.name, m] as const))('%s', (_, model) => {
  it.skipIf(!peers)('llama.cpp gives what is recorded', { timeout: 60_000 }, () => {
    const rows = askLlamaCpp(model);
    if (process.env.INFC_RECORD === '1') record(model, rows);
    expect(distance(rows, recorded(model))).toBeLessThan(1e-5);
  });

  it('gives the logits of llama.cpp from safetensors', () => {
    expect(existsSync(fixtureOf(model))).toBe(true);
    const program = fromSafetensors(model, registry);
    verifyProgram(program, registry);
    expect(distance(logProbabilities(program, model.tokens, registry), recorded(model))).toBeLessThan(TOLERANCE);
  });

  it('is the same program from GGUF', () => {
    const program = fromGguf(model, registry);
    const text = (p: typeof program) => printProgram({ ...p, metadata: {} });
    expect(text(program)).toBe(text(fromSafetensors(model, registry)));
    expect(distance(logProbabilities(program, model.tokens, registry), recorded(model))).toBeLessThan(TOLERANCE);
  });
});
