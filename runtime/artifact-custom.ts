// What an artifact of a third-party backend carries as runtime.js: the loader without a device.
export { InfcError } from './errors.ts';
export { createLoad } from './load.ts';
export { tensor } from './tensor.ts';
