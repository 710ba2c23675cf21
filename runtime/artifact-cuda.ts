// What a CUDA artifact carries as runtime.js: the loader with only the CUDA device.
import { playControl } from './control.ts';
import { CudaDevice } from './devices/cuda.ts';
import { createLoad } from './load.ts';
import { memoryPlanner } from './memory.ts';

export { InfcError } from './errors.ts';
export { tensor } from './tensor.ts';

/** Loads the artifact's plan on the CUDA device. */
export const load = createLoad({ devices: { cuda: CudaDevice.create }, control: playControl, planner: memoryPlanner });
