import { Registry } from '../compiler/plugin.ts';
import { builtin } from '../compiler/builtin.ts';
import { Scheduler } from '../compiler/schedule.ts';
import { Graph, tensor } from '../compiler/ir/graph.ts';
import { GraphBuilder } from '../compiler/ir/graph-builder.ts';
import { sym } from '../compiler/ir/dim.ts';
import { wasm } from '../backends/wasm/backend.ts';
import { printWasm } from '../backends/wasm/print.ts';
import { formatDim } from '../compiler/ir/dim.ts';
const registry = new Registry([builtin]);
const g = new Graph('r'); const x = g.input('x', tensor('f32', [sym('n',{min:1}), 8, sym('w',{min:1})]));
const b = new GraphBuilder(g, registry, { name: 'n', op: 'r' });
const c = b.node('concat', [x, b.node('neg', [x]), x], { axis: 0 });
g.outputs = [b.node('relu', [c]), b.node('relu',[x])];
const s = new Scheduler(registry, wasm, wasm.target());
s.schedule({ name: 'p', entries: new Map([['main', g]]), states: [], symbols: new Map(), metadata: {} });
const show = (v: unknown, ind=''): string => JSON.stringify(v, (k, x) => typeof x === 'bigint' ? String(x) : x && typeof x === 'object' && 'terms' in x ? formatDim(x as any) : x && x.node ? x.node : k === 'buffer' ? x.name : x, 1);
for (const k of s.kernels) { console.log(k.kernel.name, k.kernel.grid.map(formatDim), k.kernel.scalars); for (const st of k.kernel.body) console.log(show(st).replace(/\s+/g, ' ')); }
