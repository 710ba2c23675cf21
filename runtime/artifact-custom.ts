// What an artifact of a third-party backend carries as runtime.js: everything but a device.
export { playControl } from './control.ts';
export { InfcError } from './errors.ts';
export { createLoad } from './load.ts';
export { memoryPlanner } from './memory.ts';
export { tensor } from './tensor.ts';
