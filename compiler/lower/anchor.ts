import { InfcError } from '../../runtime/errors.ts';
import { type Dim, product, sub, sym } from '../ir/dim.ts';
import { byteLength } from '../ir/dtype.ts';
import { dimValue, type Expr } from '../ir/expr.ts';
import { type Constant, type Node, tensor, type Value } from '../ir/graph.ts';
import type { Kernel, KernelNote } from '../ir/kernel.ts';
import type { KernelBuilder } from '../ir/kernel-builder.ts';
import { ElementEvaluator, ravel, unravel } from './element.ts';
import { Emitter } from './emit.ts';
import { Bindings } from './loops.ts';
import { constantScalar, isInRegion, type LowerContext, type Region, typeOf } from './region.ts';
import type { LoweredKernel, Template, TemplateRequest } from './template.ts';

function packedOf(
  from: Value,
  packed: Constant | ((source: Constant) => Constant),
): { readonly constant: Constant; readonly pack?: (source: Constant) => Constant } {
  if (typeof packed !== 'function') return { constant: packed };
  if (!from.constant) throw new TypeError('weights are not constant');
  return { constant: packed(from.constant), pack: packed };
}

/** Lowers a region whose anchor a template schedules; the other nodes become the epilogue. */
export function lowerAnchor(
  region: Region,
  anchor: Node,
  template: Template,
  context: LowerContext,
): readonly LoweredKernel[] {
  const anchorOut = anchor.outputs[0];
  if (!anchorOut) throw new InfcError('INFC3008', 'an anchor without output', { node: anchor.source.name });
  const bindings = new Map<KernelBuilder, Bindings>();
  const bindingsOf = (k: KernelBuilder): Bindings => {
    const b = bindings.get(k) ?? new Bindings(k);
    bindings.set(k, b);
    return b;
  };
  const inside = isInRegion({ ...region, nodes: region.nodes.filter((n) => n !== anchor) });
  const shape = region.output.type.shape;
  let finishes = 0;
  const withSources = (note: KernelNote): KernelNote => ({
    ...note,
    sources: region.nodes.map((n) => n.source.name),
    template: template.name,
    why: template.why,
  });
  const request: TemplateRequest = {
    anchor,
    ops: context.ops,
    target: context.target,
    output: region.output.type,
    name: context.name(region),
    format: (name) => {
      const f = context.formats?.format(name);
      if (!f)
        throw new InfcError('INFC3012', `storage format '${name}' is unknown`, {
          node: anchor.source.name,
          fix: 'Add the plugin that defines it',
        });
      return f;
    },
    bind: (k, value) => bindingsOf(k).read(value),
    bindPacked: (k, from, key, packed, { dtype: given, ...traits } = {}) => {
      const { constant, ...pack } = packedOf(from, packed);
      const dtype = given ?? constant.type.dtype;
      const type =
        dtype === constant.type.dtype ? constant.type : tensor(dtype, [constant.bytes / byteLength(dtype, 1)]);
      const arg = { kind: 'packed', key, from, constant, ...pack } as const;
      return bindingsOf(k).once(`${key}:${from.id}:${dtype}`, arg, type, 'read', traits);
    },
    bindScratch: (k, key, type, access, of) =>
      bindingsOf(k).once(
        `scratch ${key} ${of?.id ?? ''}`,
        { kind: 'scratch', type, key, ...(of ? { of } : {}) },
        type,
        access,
      ),
    finish: (k, accumulator, coords) => {
      const b = bindingsOf(k);
      const prefix = `e${finishes++}_`;
      const acc = accumulator.node.kind === 'var' ? accumulator : k.let(accumulator);
      const width = accumulator.width;
      const last = coords.length - 1;
      let lane: Dim | undefined;
      let at = coords;
      if (width > 1) {
        const name = `${prefix}j`;
        k.let(dimValue(coords[last] ?? 0), name, true);
        lane = sym(name, { max: sub(product(shape.slice(last)), 1) });
        at = [...coords.slice(0, last), lane];
      }
      // Fewer coordinates than axes: the last one runs over the remaining axes as one.
      at = [...at.slice(0, last), ...unravel(at[last] ?? 0, shape.slice(last))];
      const evaluator = new ElementEvaluator(
        context.ops,
        {
          read: (v, position) => (v === anchorOut ? acc : (constantScalar(v) ?? k.load(b.read(v), position))),
          isInside: inside,
          typeOf,
        },
        prefix,
      );
      const e: Expr = region.output === anchorOut ? acc : evaluator.at(region.output, at);
      const emitter = new Emitter(k, evaluator.indices, 1, prefix);
      emitter.count([e]);
      const value = lane === undefined ? emitter.value(e) : emitter.vector(e, `${prefix}j`, width);
      k.store(b.write(region.output), ravel(at, shape), value);
    },
    close: (k, note) => ({ kernel: k.done(withSources(note)), args: bindingsOf(k).args }),
  };
  const built = template.build(request);
  if (Array.isArray(built)) return built as readonly LoweredKernel[];
  const kernel = built as Kernel;
  const only = [...bindings.values()];
  const args = only[0]?.args;
  if (only.length !== 1 || !args)
    throw new InfcError('INFC3009', `template '${template.name}' built ${only.length} kernels but returned one`, {
      node: anchor.source.name,
      fix: 'Return request.close(k, note) for each',
    });
  return [{ kernel: { ...kernel, note: withSources(kernel.note) }, args }];
}
