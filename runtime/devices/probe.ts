/** Features a kernel variant may ask for: relaxed fused multiply-add, and relaxed int8 dot products to 32 or to 16 bits. */
export type RelaxedFeature = 'relaxed-madd' | 'relaxed-dot' | 'relaxed-dot16';

/** (type: three `of`, one result) (func, exported as "f", with `body`). */
function instance(of: number, body: readonly number[]): ((a: number, b: number, c: number) => number) | undefined {
  const section = (id: number, ...bytes: number[]) => [id, bytes.length, ...bytes];
  const code = [0, ...body, 0x0b];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 3, of, of, of, 1, of),
    ...section(3, 1, 0),
    ...section(7, 1, 1, 0x66, 0, 0),
    ...section(10, 1, code.length, ...code),
  ];
  try {
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports;
    return f as (a: number, b: number, c: number) => number; // by its type section
  } catch {
    return undefined;
  }
}

const local = (i: number) => [0x20, i];
const simd = (opcode: number) => [0xfd, (opcode & 127) | 128, opcode >> 7];
const [I8_SPLAT, I32_SPLAT, F32_SPLAT, I32_LANE, F32_LANE] = [0x0f, 0x11, 0x13, 0x1b, 0x1f];
const [I16_SPLAT, I16_ADD, I32_ADD] = [0x10, 0x8e, 0xae];
const [RELAXED_MADD, RELAXED_DOT, RELAXED_DOT_ADD] = [0x105, 0x112, 0x113];

/**
 * Which relaxed SIMD instructions this engine runs correctly. Each probe executes and compares: validation alone is not enough, because
 * V8 in Node 20 accepts `i32x4.relaxed_dot_i8x16_i7x16_add_s` and can drop its accumulator when that is a temporary.
 */
export function probeRelaxedSimd(): Set<RelaxedFeature> {
  const found = new Set<RelaxedFeature>();
  const splat = (i: number) => [...local(i), ...simd(F32_SPLAT)];
  const madd = instance(0x7d, [...splat(0), ...splat(1), ...splat(2), ...simd(RELAXED_MADD), ...simd(F32_LANE), 2]);
  // (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 when fused and 0 when the product is rounded first; both are allowed.
  const a = 1 + 2 ** -12;
  const rounded = madd?.(a, a, -(1 + 2 ** -11));
  if (madd && (rounded === 2 ** -24 || rounded === 0) && madd(3, -5, 4) === -11) found.add('relaxed-madd');

  const bytes = (i: number) => [...local(i), ...simd(I8_SPLAT)];
  const twice = [...local(2), ...simd(I32_SPLAT), ...local(2), ...simd(I32_SPLAT), ...simd(I32_ADD)];
  const dot = instance(0x7f, [
    ...[...bytes(0), ...bytes(1), ...bytes(0), ...bytes(1), ...twice, ...simd(RELAXED_DOT_ADD)],
    ...[...simd(RELAXED_DOT_ADD), ...simd(I32_LANE), 3],
  ]);
  const cases = [
    [-128, 127, 1000],
    [7, 3, -5],
    [127, 127, 70000],
  ] as const;
  if (dot && cases.every(([x, y, z]) => dot(x, y, z) === 8 * x * y + 2 * z)) found.add('relaxed-dot');
  const halves = instance(0x7f, [
    ...bytes(0),
    ...bytes(1),
    ...simd(RELAXED_DOT),
    ...local(2),
    ...simd(I16_SPLAT),
    ...simd(I16_ADD),
    ...simd(I32_LANE),
    3,
  ]);
  const pair = (v: number): number => (v & 0xffff) | (v << 16);
  if (halves && cases.every(([x, y, z]) => halves(x, y, z) === pair(2 * x * y + z))) found.add('relaxed-dot16');
  return found;
}
