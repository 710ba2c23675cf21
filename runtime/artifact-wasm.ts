// What a Wasm artifact carries as runtime.js when its plan has symbolic sizes, host functions, branches or loops.
import { playControl } from './control.ts';
import { WasmDevice } from './devices/wasm.ts';
import { createLoad } from './load.ts';
import { memoryPlanner } from './memory.ts';

export { InfcError } from './errors.ts';
export { tensor } from './tensor.ts';

/** Loads the artifact's plan on the Wasm device. */
export const load = createLoad({ devices: { wasm: WasmDevice.create }, control: playControl, planner: memoryPlanner });
