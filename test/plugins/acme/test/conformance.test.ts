import { backendConformance, formatConformance, opConformance, rewriteConformance, rewritesOf } from 'infc/test';
import { describe, it } from 'vitest';
import { AcmeDevice, acme } from '../src/index.ts';

const cases = [
  {
    inputs: [{ dtype: 'f32', shape: [5], values: [-2, -0.5, 0.25, 0.5, 3] }],
    attrs: { lambda: 0.5 },
    expected: [-2, 0, 0, 0, 3],
  },
  { inputs: [{ dtype: 'f32', shape: [3, 17] }], attrs: { lambda: 1 } },
  { inputs: [{ dtype: 'f16', shape: [2, 1, 7] }] },
] as const;

describe('acme op', () => {
  for (const check of opConformance({ plugin: acme, op: 'acme.hardshrink', cases }))
    it(`wasm: ${check.name}`, check.run);
  const device = { target: 'acme-js', createDevice: () => new AcmeDevice() };
  for (const check of opConformance({ plugin: acme, op: 'acme.hardshrink', cases, ...device }))
    it(`acme-js: ${check.name}`, check.run);
});

describe('acme pass', () => {
  for (const pass of acme.passes) {
    for (const check of rewriteConformance({ plugins: [acme], rewrites: rewritesOf(pass) })) it(check.name, check.run);
  }
});

describe('acme format', () => {
  for (const format of acme.formats) for (const check of formatConformance(format)) it(check.name, check.run);
});

describe('acme backend', () => {
  for (const backend of acme.backends) {
    for (const check of backendConformance({ backend, createDevice: () => new AcmeDevice() }))
      it(check.name, check.run);
  }
});
