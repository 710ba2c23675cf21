import { wasmBackend } from '../../backends/wasm/backend.ts';
import { printWasm } from '../../backends/wasm/print.ts';
import { evaluate } from '../../compiler/ir/dim.ts';
import { bitsOf } from '../../compiler/ir/dtype.ts';
import type { Value } from '../../compiler/ir/graph.ts';
import type { LoweredKernel } from '../../compiler/lower/template.ts';

/** Runs lowered simd kernels one after the other as WebAssembly, on bytes per value; packed constants are taken from the arguments. */
export function runSimd(
  kernels: readonly LoweredKernel[],
  bytes: Map<Value, Uint8Array>,
  symbols: Readonly<Record<string, number>>,
): void {
  const file = printWasm(
    kernels.map((k) => k.kernel),
    wasmBackend.target(),
  );
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 4096 });
  const content = file.content;
  if (typeof content === 'string') throw new Error('text where bytes are expected');
  const instance = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(content)), { env: { memory } });
  let top = 1024;
  const place = (size: number): number => {
    const at = top;
    top = (top + size + 31) & ~15;
    const missing = Math.ceil((top + 65536 - memory.buffer.byteLength) / 65536);
    if (missing > 0) memory.grow(missing);
    return at;
  };
  const where = new Map<Value, number>();
  const address = (v: Value): number => {
    let at = where.get(v);
    if (at === undefined) {
      const size = Math.ceil(
        (evaluate(
          v.type.shape.reduce<number>((n, d) => n * evaluate(d, symbols), 1),
          symbols,
        ) *
          bitsOf[v.type.dtype]) /
          8,
      );
      at = place(size);
      where.set(v, at);
      const given = bytes.get(v) ?? v.constant?.read();
      if (given) new Uint8Array(memory.buffer).set(given.subarray(0, size), at);
      else bytes.set(v, new Uint8Array(size));
    }
    return at;
  };
  for (const { kernel, args } of kernels) {
    const pointers = args.map((a) => {
      if (a.kind === 'value') return address(a.value);
      if (a.kind === 'scratch') throw new Error('scratch arguments are not supported here');
      const at = place(a.constant.bytes);
      new Uint8Array(memory.buffer).set(a.constant.read(), at);
      return at;
    });
    const scratch =
      kernel.shared.length > 0
        ? [
            place(
              kernel.shared.reduce(
                (n, b) => n + Math.ceil((evaluate(b.elements, symbols) * bitsOf[b.storage]) / 8) + 16,
                0,
              ),
            ),
          ]
        : [];
    const f = instance.exports[file.entries.get(kernel.name) ?? kernel.name];
    if (typeof f !== 'function') throw new Error(`no export for ${kernel.name}`);
    f(...pointers, ...kernel.scalars.map((s) => symbols[s]), ...scratch, 0, evaluate(kernel.grid[0], symbols));
  }
  for (const [v, at] of where) {
    const out = bytes.get(v);
    if (out && v.constant === undefined) out.set(new Uint8Array(memory.buffer, at, out.length));
  }
}
