import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeRows } from '../../backends/reference/decode-format.ts';
import { formats } from '../../compiler/formats/index.ts';
import { HfConfig } from '../../compiler/import/architecture.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { unquantized } from '../../compiler/import/quantized/index.ts';
import { openSafetensors } from '../../compiler/import/safetensors.ts';
import { writeSafetensors } from '../oracle/safetensors-writer.ts';

interface Stored {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: string;
}
interface Case {
  readonly config: Record<string, unknown>;
  readonly tensors: Record<string, Stored>;
  readonly weight: Stored;
}

/** Made by test/oracle/quantized-checkpoints.py. */
const cases: Record<string, Case> = JSON.parse(
  readFileSync(new URL('fixtures/quantized-checkpoints.json', import.meta.url), 'utf8'),
);
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const floats = (b: Uint8Array): Float32Array => new Float32Array(b.slice().buffer);

function open(c: Case, change: (tensors: Record<string, Stored>) => void = () => {}, config = {}) {
  const tensors = { ...c.tensors };
  change(tensors);
  const written = Object.entries(tensors).map(([name, t]) => ({ ...t, name, data: bytes(t.data) }));
  const file = openSafetensors(memorySource('model.safetensors', writeSafetensors(written)));
  const all = new HfConfig({ quantization_config: { ...c.config, ...config } }, 'config.json');
  const found = unquantized([file], all).find((f) => f.tensors.has('layer.weight'));
  if (!found) throw new Error('no weight');
  expect(found.tensors.get('layer.weight')?.shape).toEqual(c.weight.shape);
  return found.constant('layer.weight');
}

const one = (name: string): Case => {
  const c = cases[name];
  if (!c) throw new Error(`no case ${name}`);
  return c;
};

describe('quantized checkpoints', () => {
  it.each(Object.entries(cases))('%s means the same weights', (_, c) => {
    const constant = open(c);
    expect(constant.type.shape).toEqual(c.weight.shape);
    expect(floats(constant.read())).toEqual(floats(bytes(c.weight.data)));
  });

  it.each([
    ['gptq symmetric', 'q4g32', 0],
    ['gptq affine', 'a4g32', 2 ** -12],
    ['awq', 'a4g32', 2 ** -12],
  ])('%s keeps its codes in %s', (name, format, error) => {
    const c = one(name);
    const { encoded } = open(c);
    expect(encoded?.format).toBe(format);
    const f = formats.find((x) => x.name === format);
    if (!f || !encoded) throw new Error('not encoded');
    const [rows = 0, length = 0] = c.weight.shape;
    const decoded = decodeRows(f, encoded.planes(), { rows, length });
    const expected = floats(bytes(c.weight.data));
    // Only the offset is rounded: 15 steps of at most 0.1.
    decoded.forEach((v, i) => {
      expect(Math.abs(v - (expected[i] ?? Number.NaN))).toBeLessThanOrEqual(error * 1.5);
    });
  });

  it('does not keep codes whose inputs are sorted', () => {
    expect(open(one('gptq sorted')).encoded).toBeUndefined();
  });

  it('names what does not fit', () => {
    const c = one('gptq affine');
    const cut = (part: string) => (t: Record<string, Stored>) => {
      const old = t[`layer.${part}`];
      if (!old) throw new Error(part);
      const [first = 0, ...rest] = old.shape;
      const size = bytes(old.data).length / first;
      t[`layer.${part}`] = {
        ...old,
        shape: [first - 1, ...rest],
        data: Buffer.from(bytes(old.data).slice(0, -size)).toString('base64'),
      };
    };
    expect(() => open(c, cut('scales'))).toThrow(/INFC1085.*layer.scales.*\[2, 16\]/);
    expect(() => open(c, cut('qzeros'))).toThrow(/INFC1085.*layer.qzeros/);
    expect(() => open(c, cut('g_idx')).read()).toThrow(/INFC1085.*layer.g_idx/);
    const spoilt = (t: Record<string, Stored>) => {
      const old = t['layer.scales'];
      if (!old) throw new Error('no scales');
      // The exponent of the first scale is all ones, its fraction too.
      const data = bytes(old.data).fill(0xff, 0, old.dtype === 'F32' ? 4 : 2);
      t['layer.scales'] = { ...old, data: Buffer.from(data).toString('base64') };
    };
    expect(() => open(c, spoilt).read()).toThrow(/INFC1085.*'layer.scales' have NaN/);
    expect(() => open(c, undefined, { bits: 3 })).toThrow(/INFC1082.*bits/);
    expect(() => open(c, undefined, { quant_method: 'aqlm' })).toThrow(/INFC1082.*'aqlm'.*gptq, awq, fp8/);
    expect(() => open(one('awq'), undefined, { version: 'gemv' })).toThrow(/INFC1082.*version/);
    expect(() => open(one('fp8 blocks'), undefined, { weight_block_size: [8, 8] }).read()).toThrow(
      /INFC1085.*scale_inv/,
    );
  });
});
