import { describe, expect, it } from 'vitest';
import { runInChild } from '../kit/child.ts';
import { hasGxx } from '../kit/cuda-cpu.ts';
import { hasSwiftShader, swiftShaderEnv } from '../kit/dawn.ts';
import { indexCases, playIndexCase } from '../kit/index-cases.ts';

const targets = ['wasm', 'interpreted wasm', 'interpreted wgsl', ...(hasGxx ? ['cuda-cpu'] : [])];

/** Indices outside their dimension are refused on every target, with the same words; those inside give the same numbers. */
describe.each(targets)('indices on %s', (target) => {
  it.each(indexCases)('$name', { timeout: 60_000 }, async (c) => {
    const found = await playIndexCase(c, target);
    expect(found.error).toMatch(/^InfcError: INFC6016/);
    expect(found.error).toContain(c.says);
    expect(found.numbers).toEqual((await playIndexCase(c, 'wasm')).numbers);
    expect(found.numbers.length).toBeGreaterThan(0);
  });
});

describe('indices on WebGPU', () => {
  it.skipIf(!hasSwiftShader)(
    `are refused over SwiftShader${hasSwiftShader ? '' : ' (chromium with SwiftShader is absent)'}`,
    { timeout: 180_000 },
    async () => {
      const found = await runInChild<unknown, { numbers: number[]; error: string }[]>(
        'indices-webgpu.ts',
        {},
        { env: swiftShaderEnv, timeoutMs: 170_000 },
      );
      for (const [i, c] of indexCases.entries()) {
        expect(found[i]?.error, c.name).toContain(c.says);
        expect(found[i]?.numbers, c.name).toEqual((await playIndexCase(c, 'wasm')).numbers);
      }
    },
  );
});
