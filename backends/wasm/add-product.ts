import { add, ceilDiv, floorDiv, min, mod, mul, sub, sym } from '../../compiler/ir/dim.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import type { AddProduct } from '../../passes/precision/add-product.ts';
import { kernelMemory, PAGE } from '../../runtime/devices/kernel-memory.ts';
import { wasmBackend } from './backend.ts';
import { printWasm } from './print.ts';
import { Tile } from './templates/microkernel.ts';

/** Rows of a tile; columns of a panel of b; tiles of rows that one work item computes. */
const [ROWS, COLUMNS, ITEM] = [4, 8, 24];
/** Most values of c that are held in the kernel's memory. */
const MOST = 1 << 22;

/** c [4 tiles, 8 panels] += a [4 tiles, depth] b, which lies in panels [panel][depth][8]. */
function kernel(): Kernel {
  const size = (name: string) => sym(name, { min: 1, max: 1 << 20 });
  const [tiles, panels, depth] = [size('tiles'), size('panels'), size('depth')];
  const k = new KernelBuilder('add_product', 'simd', 1, [mul(ceilDiv(tiles, ITEM), panels), 1, 1]);
  const width = mul(panels, COLUMNS);
  const c = k.buffer('c', 'f32', 'read_write', mul(mul(tiles, ROWS), width));
  const a = k.buffer('a', 'f32', 'read', mul(mul(tiles, ROWS), depth));
  const b = k.buffer('b', 'f32', 'read', mul(width, depth));
  const panel = mod(k.group.x, panels);
  const first = mul(floorDiv(k.group.x, panels), ITEM);
  k.for(0, min(ITEM, sub(tiles, first)), 1, (t) => {
    const row = mul(add(first, t), ROWS);
    const tile = new Tile(k, ROWS, COLUMNS / 4);
    tile.loop(depth, (i) => ({
      a: (r) => k.load(a, add(mul(add(row, r), depth), i)),
      b: (v) => k.load(b, add(mul(add(mul(panel, depth), i), COLUMNS), 4 * v), 4),
    }));
    for (let r = 0; r < ROWS; r++)
      for (let v = 0; v < COLUMNS / 4; v++) {
        const at = add(add(mul(add(row, r), width), mul(panel, COLUMNS)), 4 * v);
        k.store(c, at, k.load(c, at, 4).add(tile.value(r, v)));
      }
  });
  return k.done({
    op: 'matmul',
    sources: [],
    template: 'add-product',
    why: 'work on weights while compiling',
    bytes: 0,
    flops: 0,
  });
}

let opened: AddProduct | undefined;

/** Products on this thread by the compiler's own kernel, in a memory of its own: operands are copied in and the sums out. */
export const addProduct: AddProduct = (...request) => {
  opened ??= open();
  opened(...request);
};

function open(): AddProduct {
  const built = kernel();
  const { content } = printWasm([built], wasmBackend.target());
  if (typeof content === 'string') throw new TypeError('expected a binary module');
  const memory = kernelMemory(1);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(content.slice()), { env: { memory } });
  const run = instance.exports[built.name];
  if (typeof run !== 'function') throw new TypeError(`no export ${built.name}`);
  let floats = new Float32Array(memory.buffer);
  const reserve = (count: number): void => {
    const pages = Math.ceil((4 * count) / PAGE) - memory.buffer.byteLength / PAGE;
    if (pages <= 0) return;
    memory.grow(pages);
    floats = new Float32Array(memory.buffer);
  };
  return (c, a, b, rows, columns, depth) => {
    if (rows === 0 || columns === 0 || depth === 0) return;
    const panels = Math.ceil(columns / COLUMNS);
    const width = panels * COLUMNS;
    const most = Math.max(ROWS, ROWS * Math.floor(MOST / (ROWS * Math.max(width, depth))));
    const held = ROWS * Math.ceil(Math.min(rows, most) / ROWS);
    const [atA, atB] = [held * width, held * (width + depth)];
    // A kernel may look 64 bytes past its operands.
    reserve(atB + width * depth + 16);
    for (let t = 0; t < depth; t++)
      for (let p = 0, from = b.at + t * b.stride, left = columns; p < panels; p++, left -= COLUMNS)
        for (let j = 0, to = atB + (p * depth + t) * COLUMNS; j < COLUMNS; j++)
          floats[to + j] = j < left ? (b.data[from + p * COLUMNS + j] ?? 0) : 0;
    for (let first = 0; first < rows; first += held) {
      const count = Math.min(held, rows - first);
      for (let r = 0; r < count; r++) {
        const [inC, inA] = [c.at + (first + r) * c.stride, a.at + (first + r) * a.stride];
        floats.set(c.data.subarray(inC, inC + columns), r * width);
        floats.set(a.data.subarray(inA, inA + depth), atA + r * depth);
      }
      const tiles = Math.ceil(count / ROWS);
      const sizes: Readonly<Record<string, number>> = { tiles, panels, depth };
      run(0, 4 * atA, 4 * atB, ...built.scalars.map((s) => sizes[s] ?? 0), 0, Math.ceil(tiles / ITEM) * panels);
      for (let r = 0; r < count; r++) {
        const inC = c.at + (first + r) * c.stride;
        c.data.set(floats.subarray(r * width, r * width + columns), inC);
      }
    }
  };
}
