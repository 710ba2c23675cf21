// What a WebGPU artifact carries as runtime.js: the loader with only the WebGPU device.
import { playControl } from './control.ts';
import { WebGpuDevice } from './devices/webgpu.ts';
import { createLoad } from './load.ts';
import { memoryPlanner } from './memory.ts';

export { InfcError } from './errors.ts';
export { tensor } from './tensor.ts';

/** Loads the artifact's plan on the WebGPU device. */
export const load = createLoad({
  devices: { wgsl: WebGpuDevice.create },
  control: playControl,
  planner: memoryPlanner,
});
