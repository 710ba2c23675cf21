import { backendConformance, formatConformance } from 'infc/test';
import { describe, it } from 'vitest';
import { AcmeDevice, acme } from '../src/index.ts';

describe('acme', () => {
  for (const format of acme.formats ?? []) for (const check of formatConformance(format)) it(check.name, check.run);
  for (const backend of acme.backends ?? []) {
    for (const check of backendConformance({ backend, createDevice: () => new AcmeDevice() }))
      it(check.name, check.run);
  }
});
