import { decodeGroup, type ReadRagged } from '../../../compiler/formats/format.ts';
import { add, type Dim, min as dimMin, floorDiv, mul, product, sub } from '../../../compiler/ir/dim.ts';
import { pack } from '../../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { type Lookup, lookupOf, rowOf, tableFormat } from '../../templates/gather-format.ts';
import { bindPanels, bindShared, blockOf, PANEL } from './panels.ts';

/** Reads the table in the layout of matrix products, so that a table and the head tied to it are the same bytes. */
function build(l: Lookup, request: TemplateRequest) {
  const format = tableFormat(l, request);
  const tokens = product(l.ids.type.shape);
  const k = new KernelBuilder(request.name, 'simd', 1, [tokens, 1, 1]);
  const row = rowOf(k, l, k.group.x, request);
  const panels = bindPanels(k, l.table, format, { rows: l.rows, length: l.length }, false, request);
  const coords = unravel(k.group.x, l.ids.type.shape);
  const length = blockOf(format);
  // The last panel overlaps its neighbour: a row of both is read from the first.
  const panel = floorDiv(row, PANEL);
  const start: Dim = l.rows >= PANEL ? dimMin(mul(panel, PANEL), l.rows - PANEL) : 0;
  const lane = sub(row, start);
  const read: ReadRagged = (name, entry) => {
    const shared = bindShared(k, l.table, format, name, { rows: l.rows, length: l.length }, false, request);
    return k.load(shared, k.index(entry, { min: 0, max: (format.shared?.[name]?.entries ?? 1) - 1 }, 'entry'));
  };
  k.for(0, l.length / length, 1, (block) => {
    for (let part = 0; part < length / format.group; part++) {
      const first = mul(block, length / panels.unit);
      const values = panels.entries(panel, first, part * format.group, format.group, lane, 1);
      const { codes, scale, offset } = decodeGroup(format, values, part, read);
      for (let i = 0; i < codes.length; i += 4) {
        const four = codes.slice(i, i + 4);
        const code = four.length === 4 ? pack(four) : undefined;
        if (!code) throw new TypeError(`format '${format.name}' has groups that are no multiple of 4`);
        const scaled = scale ? code.mul(scale) : code;
        const at = add(mul(block, length), part * format.group + i);
        request.finish(k, offset ? scaled.sub(offset) : scaled, [...coords, at]);
      }
    }
  });
  const size = mul(tokens, l.length);
  return k.done({
    op: 'gather',
    sources: [],
    template: 'gather-format',
    why: '',
    bytes: mul(6, size),
    flops: mul(2, size),
  });
}

/** Lookups in a table that stays in its storage format. */
export const gatherFormat = defineTemplate({
  name: 'gather-format',
  op: 'gather',
  score: 20,
  why: 'rows of the table are decoded from its storage format',
  when: (node) => lookupOf(node) !== undefined,
  build: (request) => {
    const l = lookupOf(request.anchor);
    if (!l) throw new TypeError('not a lookup');
    return build(l, request);
  },
});
