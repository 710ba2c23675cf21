import { defineBackend } from '../backend.ts';
import { attentionLanes } from '../templates/attention.ts';
import { cumulativeLanes } from '../templates/cumulative.ts';
import { formattedProducts } from '../templates/formatted.ts';
import { gatherFormat } from '../templates/gather-format.ts';
import { gemmRegtile } from '../templates/gemm-regtile.ts';
import { gemv } from '../templates/gemv.ts';
import { recurrent } from '../templates/recurrent.ts';
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
  templates: [
    attentionLanes,
    ...formattedProducts,
    gatherFormat,
    ...gemmRegtile,
    ...gemv,
    ...cumulativeLanes,
    ...recurrent,
  ],
  memory: { align: 256, maxBinding: 2 ** 40, readWriteAlias: true },
  print: printCuda,
  build: buildCubin,
  device: 'cuda',
});
