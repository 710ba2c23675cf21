import type { HostOp } from '../host.ts';
import { fail } from './fail.ts';
import { padBy, readDims, reshapeTo, sliceBy, squeeze, unsqueeze } from './runtime-shape.ts';
import { scatterElements, scatterNd } from './scatter.ts';

/** Host functions by name, one line each; an artifact carries only those its plan needs. */
const functions: Readonly<Record<string, HostOp>> = {
  fail,
  pad_by: padBy,
  read_dims: readDims,
  reshape_to: reshapeTo,
  scatter_elements: scatterElements,
  scatter_nd: scatterNd,
  slice_by: sliceBy,
  squeeze,
  unsqueeze,
};

export const hostFunctions = (name: string): HostOp | undefined => functions[name];
