import { forEachNode, type Graph, type Program, subgraphs, type Value } from '../compiler/ir/graph.ts';
import type { OpTable } from '../compiler/ir/graph-builder.ts';
import { InfcError } from '../runtime/errors.ts';
import type { HostTensor } from '../runtime/host.ts';
import { type Fact, type Fate, type Pass, type PassContext, type Phase, phases, type WeightStorage } from './pass.ts';
import { applyRewrites } from './rewrite.ts';

/** One recorded change: which pass did what to which node. */
export interface Change {
  readonly pass: string;
  readonly node: string;
  readonly what: string;
  readonly fate?: Fate;
}

export interface PassRunOptions {
  readonly ops: OpTable;
  readonly evaluate: (value: Value) => HostTensor | undefined;
  readonly onPass?: (pass: Pass, ms: number) => void;
  /** Called after every pass; tests verify the graph here. */
  readonly check?: (pass: Pass, program: Program) => void;
  /** Called when a phase is done, and the canonical form restored. */
  readonly onPhase?: (phase: Phase) => void;
  readonly stopAfter?: string;
  readonly storage?: WeightStorage;
}

/** The passes in the order they run: by phase, then as listed, then by `after` and `before`. Throws INFC7xxx on unknown names and cycles. */
export function orderPasses(passes: readonly Pass[]): Pass[] {
  const out: Pass[] = [];
  for (const phase of phases) {
    const here = passes.filter((p) => p.phase === phase);
    const names = new Set(here.map((p) => p.name));
    const needs = new Map(here.map((p) => [p.name, new Set(p.after ?? [])]));
    for (const p of here) {
      for (const n of [...(p.after ?? []), ...(p.before ?? [])]) {
        if (!names.has(n))
          throw new InfcError(
            'INFC7005',
            `pass '${p.name}' is ordered relative to '${n}', which is not in phase '${phase}'`,
            {
              fix: `Passes of this phase: ${[...names].join(', ')}`,
            },
          );
      }
      for (const b of p.before ?? []) needs.get(b)?.add(p.name);
    }
    const done = new Set<string>();
    while (done.size < here.length) {
      const next = here.find((p) => !done.has(p.name) && [...(needs.get(p.name) ?? [])].every((n) => done.has(n)));
      if (!next)
        throw new InfcError(
          'INFC7006',
          `the passes ${here
            .filter((p) => !done.has(p.name))
            .map((p) => `'${p.name}'`)
            .join(', ')} wait for each other`,
          {
            fix: 'Remove an `after` or `before`',
          },
        );
      done.add(next.name);
      out.push(next);
    }
  }
  return out;
}

/** Runs the passes over every graph of the program. After each phase that changed something, the canonical form is restored. */
export function runPasses(program: Program, passes: readonly Pass[], options: PassRunOptions): Change[] {
  const changes: Change[] = [];
  const facts = new Set<Fact>();
  const ordered = orderPasses(passes);
  const canonical = ordered.filter((p) => p.phase === 'canonicalize');
  const runOne = (pass: Pass): void => {
    const start = performance.now();
    for (const fact of pass.requires ?? []) {
      if (!facts.has(fact))
        throw new InfcError('INFC7007', `pass '${pass.name}' needs '${fact}', which no earlier pass establishes`, {
          fix: 'Order it after one that does',
        });
    }
    const context: PassContext = {
      ops: options.ops,
      program,
      evaluate: options.evaluate,
      ...(options.storage ? { storage: options.storage } : {}),
      changed: (node, what, fate) =>
        changes.push({ pass: pass.name, node: node.source.name, what, ...(fate ? { fate } : {}) }),
    };
    for (const graph of program.entries.values()) {
      for (const g of [graph, ...bodies(graph)]) {
        if (pass.rewrites) applyRewrites(g, pass.rewrites, context);
        pass.run?.(g, context);
      }
    }
    for (const fact of pass.establishes ?? []) facts.add(fact);
    options.onPass?.(pass, performance.now() - start);
    options.check?.(pass, program);
  };
  for (const phase of phases) {
    const before = changes.length;
    const here = ordered.filter((p) => p.phase === phase);
    here.forEach(runOne);
    for (let round = 0; round < 4; round++) {
      const last = changes.length;
      if (phase !== 'canonicalize' && last === before) break;
      canonical.forEach(runOne);
      if (changes.length === last) break;
    }
    options.onPhase?.(phase);
    if (options.stopAfter === phase) break;
  }
  return changes;
}

/** Bodies of control nodes, innermost last. */
function bodies(graph: Graph): Graph[] {
  const out: Graph[] = [];
  forEachNode(graph, (node) => out.push(...subgraphs(node)));
  return out;
}
