import { defineBackend } from '../backend.ts';
import { laneTemplates } from '../templates/index.ts';
import { storable } from './operators.ts';
import { printCuda } from './print.ts';
import { buildCubin } from './toolchain.ts';

/** CUDA through its driver API, compute capability 8.0 and up. */
export const cudaBackend = defineBackend({
  name: 'cuda',
  target: (features = []) => ({
    kind: 'cuda',
    features: new Set(['subgroups', ...features]),
    kernels: 'simt',
    maxLanes: 1024,
    sharedBytes: 49152,
    vectorBytes: 16,
  }),
  supports: storable,
  templates: laneTemplates,
  memory: { align: 256, maxBinding: 2 ** 40, readWriteAlias: true },
  print: printCuda,
  build: buildCubin,
  device: 'cuda',
});
