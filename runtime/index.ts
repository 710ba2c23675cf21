import { playControl } from './control.ts';
import { WasmDevice } from './devices/wasm.ts';
import { createLoad } from './load.ts';
import { memoryPlanner } from './memory.ts';

export type { CudaAddon, CudaDevice } from './devices/cuda.ts';
export type { Device, DeviceMemory, KernelSource, Launch, LaunchRequest, MemoryRange } from './devices/device.ts';
export { probeRelaxedSimd } from './devices/probe.ts';
export { WasmDevice } from './devices/wasm.ts';
export type { WebGpuDevice } from './devices/webgpu.ts';
export type { DType, TypedArray } from './dtype.ts';
export { bitsOf, byteLength, viewOf } from './dtype.ts';
export type { ErrorDetails, ErrorPlace } from './errors.ts';
export { InfcError } from './errors.ts';
export type { StepTiming } from './executor.ts';
export type { HostContext, HostOp, HostTensor, HostValue } from './host.ts';
export type { Artifact, DeviceFactory, DeviceOptions, LoadOptions, LoadProgress } from './load.ts';
export { createLoad, parsePlan } from './load.ts';
export { decodeFloat, encodeFloat } from './minifloat.ts';
export type { Plan, PlanBuffer, PlanEntry, PlanKernel, PlanPort, PlanStep } from './plan.ts';
export { PLAN_MAJOR, PLAN_MINOR } from './plan.ts';
export type { AnyEntry, EntryTypes, Model, RunOptions } from './session.ts';
export type { DataOf, Shape, Tensor, TensorInput } from './tensor.ts';
export { tensor } from './tensor.ts';

/** Loads a compiled model on the device of its target. What Wasm models do not need is loaded on demand. */
export const load = createLoad({
  devices: {
    wasm: WasmDevice.create,
    wgsl: async (options) => (await import('./devices/webgpu.ts')).WebGpuDevice.create(options),
    cuda: async (options) => (await import('./devices/cuda.ts')).CudaDevice.create(options),
  },
  control: playControl,
  planner: memoryPlanner,
  host: async (name) => (await import('./host/index.ts')).hostFunctions(name),
});
