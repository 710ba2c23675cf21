// What a Wasm artifact carries as runtime.js when its plan is kernels and copies alone, with static sizes.
import { WasmDevice } from './devices/wasm.ts';
import { createLoad } from './load.ts';

export { InfcError } from './errors.ts';
export { tensor } from './tensor.ts';

/** Loads the artifact's plan on the Wasm device. */
export const load = createLoad({ devices: { wasm: WasmDevice.create } });
