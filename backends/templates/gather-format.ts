import type { StorageFormat } from '../../compiler/formats/format.ts';
import { ceilDiv, type Dim, floorDiv, isStatic, mod, mul, product, sub } from '../../compiler/ir/dim.ts';
import { dimValue, type Expr } from '../../compiler/ir/expr.ts';
import type { Node, Value } from '../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type TemplateRequest } from '../../compiler/lower/template.ts';
import { InfcError } from '../../runtime/errors.ts';
import { split } from './contraction.ts';
import { weightBlocks } from './formatted.ts';

/** A lookup of rows of a table that is kept in a storage format. */
export interface Lookup {
  readonly table: Value;
  readonly ids: Value;
  readonly rows: number;
  readonly length: number;
}

export function lookupOf(node: Node): Lookup | undefined {
  const [table, ids] = node.inputs;
  if (!table?.constant || !ids || table.type.format === 'dense' || Number(node.attrs.axis ?? 0) !== 0) return undefined;
  const [rows, length, ...more] = table.type.shape;
  if (rows === undefined || length === undefined || !isStatic(rows) || !isStatic(length) || more.length > 0)
    return undefined;
  return { table, ids, rows, length };
}

/** The row that id number `token` names: counted from the end when negative, clamped into the table. */
export function rowOf(k: KernelBuilder, { ids, rows }: Lookup, token: Dim, request: TemplateRequest): Dim {
  const id = k.let(k.load(request.bind(k, ids), token).cast('i32'), 'id');
  const wrapped = id.lt(0).select(id.add(rows), id);
  return k.index(wrapped.max(0).min(rows - 1), { min: 0, max: rows - 1 }, 'row');
}

const LANES = 64;

function build(l: Lookup, request: TemplateRequest) {
  const format = tableFormat(l, request);
  const idShape = l.ids.type.shape;
  const tokens = product(idShape);
  const blocks = weightBlocks(request, l.table, format, l.rows, l.length, true);
  const perRow = l.length / blocks.length;
  const items = mul(tokens, perRow);
  const k = new KernelBuilder(request.name, 'simt', LANES, [ceilDiv(items, LANES), 1, 1]);
  const item = k.index(
    dimValue(mul(k.group.x, LANES)).add(dimValue(k.lane)),
    { min: 0, max: sub(mul(ceilDiv(items, LANES), LANES), 1) },
    'item',
  );
  k.if(dimValue(item).lt(dimValue(items)), () => {
    const token = k.index(dimValue(floorDiv(item, perRow)), { min: 0, max: sub(tokens, 1) }, 'token');
    const block = k.index(dimValue(mod(item, perRow)), { min: 0, max: perRow - 1 }, 'block');
    const row = rowOf(k, l, token, request);
    const coords = split(k, token, idShape);
    for (const { group, at } of blocks.groups(k, row, block))
      group.codes.forEach((code, i) => {
        const scaled = group.scale ? code.mul(group.scale) : code;
        const value: Expr = group.offset ? scaled.sub(group.offset) : scaled;
        request.finish(k, value, [...coords, mulAdd(block, blocks.length, at + i)]);
      });
  });
  const bytes = mul(8, mul(tokens, l.length));
  return k.done({
    op: 'gather',
    sources: [],
    template: 'gather-format',
    why: 'rows are decoded',
    bytes,
    flops: mul(2, mul(tokens, l.length)),
  });
}

const mulAdd = (a: Dim, by: number, plus: number): Dim => sub(mul(a, by), -plus);

/** The format of a table. Throws INFC4027 for one that leaves out zeros. */
export function tableFormat({ table }: Lookup, request: TemplateRequest): StorageFormat {
  const format = request.format(table.type.format);
  if (format.sparse)
    throw new InfcError('INFC4027', `format '${format.name}' leaves out zeros, which lookups do not support`, {
      node: request.anchor.source.name,
      fix: 'Give the rule of this format `role: linear`, so that tables keep another format',
    });
  return format;
}

/** Lookups in a table that stays in its storage format, on lanes: one block of weights each. */
export const gatherFormat = defineTemplate({
  name: 'gather-format',
  op: 'gather',
  score: 20,
  why: 'rows of the table are decoded from its storage format',
  when: (node, target) => target.kernels === 'simt' && lookupOf(node) !== undefined,
  build: (request) => {
    const l = lookupOf(request.anchor);
    if (!l) throw new TypeError('not a lookup');
    return build(l, request);
  },
});
