import type { Backend } from '../../backends/backend.ts';
import { sym } from '../ir/dim.ts';
import type { Node, Value } from '../ir/graph.ts';
import { toDimCode } from '../plan/codes.ts';
import type { ScheduledItem } from '../plan/schedule.ts';
import type { Registry } from '../plugin.ts';
import { lowerRegion } from './loops.ts';

/** Whether a node that its target has no kernels for (doubles on WGSL) can run on the host as a WebAssembly kernel of its own. */
export const runsInWasm = (node: Node, registry: Registry): boolean => {
  const op = registry.op(node.op);
  const wasm = registry.backend('wasm');
  const fits = (v: Value | null): boolean =>
    !v || (v.type.dtype !== 'string' && !v.type.container && v.type.format === 'dense');
  return (
    wasm !== undefined && (op?.scalar ?? op?.element) !== undefined && [...node.inputs, ...node.outputs].every(fits)
  );
};

const base64 = (content: string | Uint8Array): string =>
  btoa(typeof content === 'string' ? content : Array.from(content, (b) => String.fromCharCode(b)).join(''));

/** One host step for each output that is used: the kernel as a module in base64, what it binds, and its sizes. */
export function hostKernels(node: Node, used: readonly Value[], registry: Registry, wasm: Backend): ScheduledItem[] {
  const target = wasm.target();
  return used.map((output): ScheduledItem => {
    const context = { ops: registry, target, templates: [], name: () => 'run' };
    const { kernel, args } = lowerRegion({ nodes: [node], output }, context);
    const [file] = wasm.print([kernel], target);
    const bound = args.map((a) => (a.kind === 'value' ? a.value : output));
    const inputs = bound.filter((v) => v !== output);
    return {
      kind: 'host',
      op: 'wasm_kernel',
      inputs,
      outputs: [output],
      attrs: {
        module: base64(file?.content ?? ''),
        output: bound.indexOf(output),
        dtype: output.type.dtype,
        shape: output.type.shape.map((d) => ({ dim: toDimCode(d) })),
        scalars: kernel.scalars.map((name) => ({ dim: toDimCode(sym(name)) })),
        items: { dim: toDimCode(kernel.grid[0]) },
      },
      source: node.source.name,
    };
  });
}
