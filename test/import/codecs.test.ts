import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeRows } from '../../backends/reference/decode-format.ts';
import { formats } from '../../compiler/formats/index.ts';
import { dequantize, groupsOf } from '../../compiler/import/codecs/codec.ts';
import { blockCodecs } from '../../compiler/import/codecs/index.ts';
import { planesFromBlocks } from '../../compiler/import/codecs/planes.ts';
import { ggufTensorTypes } from '../../compiler/import/gguf/types.ts';

/** Made by ggml-org's Python package: test/oracle/gguf-blocks.py. */
const cases: Record<string, { data: string; weights: string }> = JSON.parse(
  readFileSync(new URL('fixtures/gguf-blocks.json', import.meta.url), 'utf8'),
);
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

describe('block codecs', () => {
  it('are all covered', () => {
    expect(Object.keys(cases).sort()).toEqual([...blockCodecs.keys()].sort());
  });

  it.each([...blockCodecs.values()].map((c) => [c.name, c] as const))('%s reads what ggml reads, exactly', (_, c) => {
    const { data = '', weights = '' } = cases[c.name] ?? {};
    const expected = new Float32Array(bytes(weights).slice().buffer);
    expect(expected.length).toBeGreaterThan(0);
    // Zero has no sign here.
    expect(dequantize(c, bytes(data)).map((v) => v + 0)).toEqual(expected.map((v) => v + 0));
  });

  it.each([...blockCodecs.values()].map((c) => [c.name, c] as const))('%s keeps its numbers as planes', (_, c) => {
    const { data = '', weights = '' } = cases[c.name] ?? {};
    const expected = new Float32Array(bytes(weights).slice().buffer);
    const format = formats.find((f) => f.name === c.stored.format);
    if (!format) throw new Error(`there is no format ${c.stored.format}`);
    const planes = planesFromBlocks(c, bytes(data));
    expect(Object.keys(planes).sort()).toEqual(Object.keys(format.planes).sort());
    const decoded = decodeRows(format, planes, { rows: 1, length: expected.length });
    expect(decoded.map((v) => v + 0)).toEqual(expected.map((v) => v + 0));
  });

  it.each([...blockCodecs.values()].map((c) => [c.name, c] as const))('%s has the sizes of its type', (_, c) => {
    const type = [...ggufTensorTypes.values()].find((t) => t.name === c.name);
    expect(type).toMatchObject({ block: c.block, bytes: c.bytes });
    expect(groupsOf(c).scales.length).toBe(c.block / c.group);
  });
});
