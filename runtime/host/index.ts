import type { HostOp } from '../host.ts';
import { fail } from './fail.ts';

/** Host functions by name, one line each; an artifact carries only those its plan needs. */
const functions: Readonly<Record<string, HostOp>> = { fail };

export const hostFunctions = (name: string): HostOp | undefined => functions[name];
