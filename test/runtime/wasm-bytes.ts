// A few hand-encoded kernels, so that the runtime is tested without the compiler.
const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
const section = (id: number, body: readonly number[]): number[] => [id, ...leb(body.length), ...body];
const name = (s: string): number[] => [...leb(s.length), ...new TextEncoder().encode(s)];

export interface HandKernel {
  readonly name: string;
  /** i32 parameters, begin and end included. */
  readonly parameters: number;
  /** Instructions; extra locals are i32. */
  readonly locals?: number;
  readonly body: readonly number[];
}

/** A kernel file per the ABI: imports env.memory, exports each kernel. */
export function kernelModule(
  kernels: readonly HandKernel[],
  limits: readonly number[] = [1, 0, ...leb(65536)],
): Uint8Array<ArrayBuffer> {
  const types = kernels.map((k) => [0x60, ...leb(k.parameters), ...new Array<number>(k.parameters).fill(0x7f), 0]);
  const bodies = kernels.map((k) => {
    const code = [...(k.locals ? [1, ...leb(k.locals), 0x7f] : [0]), ...k.body, 0x0b];
    return [...leb(code.length), ...code];
  });
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [...leb(types.length), ...types.flat()]),
    ...section(2, [1, ...name('env'), ...name('memory'), 2, ...limits]),
    ...section(3, [...leb(kernels.length), ...kernels.map((_, i) => i)]),
    ...section(7, [...leb(kernels.length), ...kernels.flatMap((k, i) => [...name(k.name), 0, i])]),
    ...section(10, [...leb(kernels.length), ...bodies.flat()]),
  ]);
}

export const get = (i: number): number[] => [0x20, i];
export const set = (i: number): number[] => [0x21, i];
export const i32 = (n: number): number[] => [0x41, n & 127]; // 0..63
export const ADD = 0x6a;
export const SHL = 0x74;
export const MUL = 0x6c;
export const SUB = 0x6b;
export const LOAD_I32 = [0x28, 2, 0];
export const STORE_I32 = [0x36, 2, 0];
export const LOAD_F32 = [0x2a, 2, 0];
export const STORE_F32 = [0x38, 2, 0];
export const ADD_F32 = 0x92;
export const MUL_F32 = 0x94;

/** for (i = begin; i < end; i++) body, with i in local `i`. */
export const forRange = (i: number, begin: number, end: number, body: readonly number[]): number[] => [
  ...[...get(begin), ...set(i)],
  ...[0x02, 0x40, 0x03, 0x40], // block, loop
  ...[...get(i), ...get(end), 0x4e, 0x0d, 1], // i >= end: leave
  ...body,
  ...[...get(i), ...i32(1), ADD, ...set(i), 0x0c, 0, 0x0b, 0x0b],
];

/** Address of f32 or i32 element `i` of the buffer in parameter `p`. */
export const element = (p: number, i: number): number[] => [...get(p), ...get(i), ...i32(2), SHL, ADD];

/** c[i] = a[i] (op) b[i] for the grid's items; parameters a, b, c, begin, end. */
export const binaryF32 = (kernel: string, op: number): HandKernel => ({
  name: kernel,
  parameters: 5,
  locals: 1,
  body: forRange(5, 3, 4, [
    ...element(2, 5),
    ...element(0, 5),
    ...LOAD_F32,
    ...element(1, 5),
    ...LOAD_F32,
    op,
    ...STORE_F32,
  ]),
});

/** c[i] = a[end - 1 - i] + b[i]: wrong when c shares memory with a. For one thread. */
export const mirrorF32 = (kernel: string): HandKernel => ({
  name: kernel,
  parameters: 5,
  locals: 2,
  body: forRange(5, 3, 4, [
    ...[...get(4), ...i32(1), SUB, ...get(5), SUB, ...set(6)],
    ...[...element(2, 5), ...element(0, 6), ...LOAD_F32, ...element(1, 5), ...LOAD_F32, ADD_F32, ...STORE_F32],
  ]),
});
