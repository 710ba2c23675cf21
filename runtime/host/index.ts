import type { HostOp } from '../host.ts';

/** Host functions by name, one line each; an artifact carries only those its plan needs. */
const functions: Readonly<Record<string, HostOp>> = {};

export const hostFunctions = (name: string): HostOp | undefined => functions[name];
