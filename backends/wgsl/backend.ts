import { defineBackend } from '../backend.ts';
import { laneTemplates } from '../templates/index.ts';
import { printWgsl } from './print.ts';
import { storable } from './storage.ts';

/**
 * WebGPU. The target is what every WebGPU device offers (256 lanes, 16 KiB of workgroup memory, 8 storage buffers); `subgroups` is a feature to ask for.
 * f64 and sub-byte dtypes stay on the host; 8-, 16- and 64-bit elements are handled by the printer (see storage.ts).
 */
export const wgslBackend = defineBackend({
  name: 'wgsl',
  target: (features = []) => ({
    kind: 'wgsl',
    features: new Set(features),
    kernels: 'simt',
    maxLanes: 256,
    sharedBytes: 16384,
    vectorBytes: 16,
    maxBuffers: 8,
  }),
  supports: storable,
  templates: laneTemplates,
  memory: { align: 256, maxBinding: 134217728, readWriteAlias: false },
  print: printWgsl,
  device: 'webgpu',
});
