import { defineBackend } from 'infc';
import { canStore, printModule } from './print-js.ts';

/** A complete backend without templates: every kernel comes from automatic lowering, printed as JavaScript. */
export const acmeBackend = defineBackend({
  name: 'acme-js',
  target: () => ({
    kind: 'acme-js',
    features: new Set<string>(),
    kernels: 'simd',
    maxLanes: 1,
    sharedBytes: 1 << 20,
    vectorBytes: 4,
  }),
  supports: canStore,
  templates: [],
  memory: { align: 16, maxBinding: 2 ** 31 - 1, readWriteAlias: true },
  print: (kernels) => [
    { file: 'kernels.js', content: printModule(kernels), entries: new Map(kernels.map((k) => [k.name, k.name])) },
  ],
  // What `npm run build` makes of device.ts: artifacts carry it.
  device: new URL('./device.js', import.meta.url).href,
});
