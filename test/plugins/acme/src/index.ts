import { definePlugin } from 'infc';
import { acmeBackend } from './backend.ts';
import { hardshrink, onnxHardShrink } from './hardshrink.ts';
import { acmeQ8 } from './q8-rows.ts';
import { removeDoubleHardshrink } from './remove-double-hardshrink.ts';

export { AcmeDevice, createDevice } from './device.ts';

/** An op, a pass, a storage format and a backend, as a third party writes them. */
export const acme = definePlugin({
  name: 'acme',
  api: 1,
  ops: [hardshrink],
  onnxOps: [onnxHardShrink],
  passes: [removeDoubleHardshrink],
  formats: [acmeQ8],
  backends: [acmeBackend],
});
