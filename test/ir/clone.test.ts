import { expect, test } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { cloneProgram } from '../../compiler/ir/clone.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { printProgram } from '../../compiler/ir/text.ts';
import { Registry } from '../../compiler/plugin.ts';

const registry = new Registry([builtin]);

test('a clone prints alike and changes alone, bodies that read outer values included', () => {
  const source = { name: 's', op: 'S' };
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, source);
  const x = graph.input('x', tensor('f32', [2, 3]));
  const y = b.node('mul', [x, b.constant('f32', [3], [1, 2, 3], 'w')]);
  const branch = (op: string): Graph => {
    const g = new Graph(op);
    g.outputs.push(new GraphBuilder(g, registry, source).node(op, [y]));
    return g;
  };
  const condition = graph.input('c', tensor('bool', []));
  graph.outputs.push(b.node('if', [condition], { body: branch('relu'), otherwise: branch('neg') }, 'out'));
  const program: Program = {
    name: 'p',
    entries: new Map([['main', graph]]),
    states: [],
    symbols: new Map(),
    metadata: {},
  };
  const before = printProgram(program);
  const copy = cloneProgram(program);
  expect(printProgram(copy)).toBe(before);
  const made = copy.entries.get('main');
  for (const node of made?.nodes ?? []) for (const v of node.inputs) expect(v?.uses).toContain(node);
  made?.outputs.splice(0);
  for (const node of [...(made?.nodes ?? [])].reverse()) made?.remove(node);
  expect(printProgram(program)).toBe(before);
  expect(y.uses).toHaveLength(2);
});
