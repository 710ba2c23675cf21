import { controlOnnxOps } from '../compiler/import/onnx-ops/control.ts';
import { readFileSync } from 'node:fs';
import { Registry } from '../compiler/plugin.ts';
import { builtin } from '../compiler/builtin.ts';
import { importOnnx } from '../compiler/import/onnx.ts';
import { formatType } from '../compiler/ir/graph.ts';
import { formatDim } from '../compiler/ir/dim.ts';
import { contentsOf } from '../compiler/ir/graph-builder.ts';
const registry = new Registry([builtin]);
const iff = registry.onnxOp('', 'If')! as any; const old = iff.build;
iff.build = (node: any, b: any) => { const show = (v: any, d: number): void => { console.log(' '.repeat(d), v.producer?.op ?? (v.constant ? 'const' : 'input'), v.name, formatType(v.type), contentsOf(v)?.map(formatDim)); if (d < 6) for (const i of v.producer?.inputs ?? []) i && show(i, d + 1); }; console.log('IF', node.name); show(node.input(0), 1); return old(node, b); };
try { importOnnx(readFileSync('/work/shared/models/' + process.argv[2]), { name: 'x' }, registry); } catch (e) { console.log((e as Error).message.slice(0, 100)); }
