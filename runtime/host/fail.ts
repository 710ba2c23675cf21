import type { HostOp } from '../host.ts';

const list = (v: unknown): readonly unknown[] => (Array.isArray(v) ? v : []);

/** Refuses the run: sizes are not what the compiled graph rests on. Attributes `reason`, `fix`, and `names` of sizes with their `values`. */
export const fail: HostOp = (_inputs, attrs, context) => {
  const values = list(attrs.values);
  const here = list(attrs.names).map((name, i) => `${String(name)} = ${String(values[i])}`);
  return context.fail(`${String(attrs.reason)}; here ${here.join(', ')}`, String(attrs.fix));
};
