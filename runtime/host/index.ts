import type { HostOp } from '../host.ts';
import { padBy, readDims, reshapeTo, sliceBy, squeeze, unsqueeze } from './runtime-shape.ts';
import { scatterElements, scatterNd } from './scatter.ts';

/** Host functions by name; an artifact carries only those its plan needs. */
const functions: Readonly<Record<string, HostOp>> = {
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
