import type { Instr, WasmFunction } from './encode.ts';

const hex32 = (bytes: Uint8Array): string => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return [0, 4, 8, 12].map((at) => `0x${view.getUint32(at, true).toString(16)}`).join(' ');
};

/** Natural alignment of each access is what the kernels promise; the text says nothing when the binary says the same. */
function operands(i: Instr, names: readonly string[]): string {
  if ('index' in i) return i.op.startsWith('local') ? ` $${names[i.index] ?? i.index}` : ` ${i.index}`;
  if ('bytes' in i) return i.op === 'v128.const' ? ` i32x4 ${hex32(i.bytes)}` : ` ${[...i.bytes].join(' ')}`;
  if ('memory' in i) {
    const lane = i.lane === undefined ? '' : ` ${i.lane}`;
    return `${i.memory.offset ? ` offset=${i.memory.offset}` : ''} align=${1 << i.memory.align}${lane}`;
  }
  if ('lane' in i) return ` ${i.lane}`;
  if ('value' in i) {
    if (typeof i.value === 'bigint') return ` ${i.value}`;
    if (Number.isNaN(i.value)) return ' nan';
    if (Math.abs(i.value) === Number.POSITIVE_INFINITY) return i.value > 0 ? ' inf' : ' -inf';
    return ` ${Object.is(i.value, -0) ? '-0' : i.value}`;
  }
  return '';
}

/** A function in the WebAssembly text format, one instruction a line, for goldens and `infc explain`. */
export function functionText(f: WasmFunction): string {
  const names = [...f.params, ...f.locals.map((_, i) => `l${i}`)];
  const lines = [`(func $${f.name} (export "${f.name}")`];
  lines.push(`  (param ${f.params.map((p) => `$${p} i32`).join(') (param ')})`);
  if (f.locals.length > 0) lines.push(`  (local ${f.locals.map((t, i) => `$l${i} ${t}`).join(') (local ')})`);
  let depth = 1;
  for (const i of f.body) {
    if (i.op === 'end' || i.op === 'else') depth--;
    lines.push(`${'  '.repeat(depth)}${i.op}${operands(i, names)}`);
    if (i.op === 'block' || i.op === 'loop' || i.op === 'if' || i.op === 'else') depth++;
  }
  return `${lines.join('\n')})`;
}

/** The whole module as text, in the order of {@link encodeModule}. */
export function moduleText(functions: readonly WasmFunction[], shared: boolean): string {
  const memory = `(import "env" "memory" (memory 0${shared ? ' 65536 shared' : ''}))`;
  const body = functions.map((f) =>
    functionText(f)
      .split('\n')
      .map((l) => `  ${l}`)
      .join('\n'),
  );
  return `(module\n  ${memory}\n${body.join('\n')})\n`;
}
