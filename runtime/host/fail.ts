import type { HostOp } from '../host.ts';

/** Refuses the run: an assumption that the compiled graph rests on does not hold. Attributes `reason` and `fix`. */
export const fail: HostOp = (_inputs, attrs, context) => context.fail(String(attrs.reason), String(attrs.fix));
